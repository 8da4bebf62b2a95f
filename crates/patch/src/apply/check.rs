//! Whether a configuration is of its type: known fields, values of the right types, items that can be told apart.

use std::collections::BTreeSet;
use std::fmt;

use schema::{ListType, SchemaRef, Shape};
use serde_json::Value;

use super::named;
use crate::fields::{Element, Form};

/// What is wrong with a configuration, in upstream's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckErrors(Vec<String>);

impl fmt::Display for CheckErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => f.write_str(only),
            errors => {
                f.write_str("errors:")?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

/// Checks a configuration.
///
/// # Errors
/// Everything that is wrong.
pub(super) fn check(config: &Value, schema: SchemaRef<'_>) -> Result<(), CheckErrors> {
    let mut errors = CheckErrors::default();
    check_value("", config, schema, &mut errors);
    if errors.0.is_empty() { Ok(()) } else { Err(errors) }
}

/// The items of an object that lack the keys which tell them apart.
pub(super) fn nameless(object: &Value, schema: SchemaRef<'_>) -> CheckErrors {
    let mut errors = check(object, schema).err().unwrap_or_default();
    errors.0.retain(|error| error.contains(": element "));
    errors
}

fn check_value(path: &str, value: &Value, schema: SchemaRef<'_>, errors: &mut CheckErrors) {
    if value.is_null() {
        return;
    }
    let mut wrong = |problem: String| errors.0.push(format!("{path}: {problem}"));
    match schema.shape() {
        Shape::Raw => {}
        Shape::Free if schema.is_declared_object() && !value.is_object() => {
            wrong(format!("expected map, got {}", named::shown(value)));
        }
        Shape::Free => {
            for (name, field) in value.as_object().into_iter().flatten() {
                if let Some(schema) = schema.field(name) {
                    check_value(&format!("{path}.{name}"), field, schema, errors);
                }
            }
        }
        Shape::Bool if !value.is_boolean() => wrong(format!("expected boolean, got {}", named::shown(value))),
        Shape::Int32 | Shape::Int64 | Shape::Float64 if !value.is_number() => wrong(format!(
            "expected numeric (int or float), got {}",
            named::type_name(value)
        )),
        Shape::String | Shape::Bytes | Shape::Duration if !value.is_string() => {
            wrong(format!("expected string, got {}", named::declared(value)));
        }
        Shape::Quantity | Shape::Time | Shape::MicroTime if value.is_object() || value.is_array() => {
            wrong(format!("expected any scalar, got {}", named::shown(value)));
        }
        Shape::Object | Shape::Map => match value {
            Value::Object(fields) => {
                let mut all_declared = true;
                for (name, field) in fields {
                    let path = format!("{path}.{name}");
                    let schema = match schema.shape() {
                        Shape::Map => schema.element(),
                        _ => schema.field(name),
                    };
                    match schema {
                        Some(schema) => check_value(&path, field, schema, errors),
                        // Of several in one object upstream tells one.
                        None if all_declared => {
                            all_declared = false;
                            errors.0.push(format!("{path}: field not declared in schema"));
                        }
                        None => {}
                    }
                }
            }
            other => wrong(format!("expected map, got {}", named::shown(other))),
        },
        Shape::List => match value {
            Value::Array(items) => check_items(path, items, schema, errors),
            other => wrong(format!("expected list, got {}", named::shown(other))),
        },
        _ => {}
    }
}

fn check_items(path: &str, items: &[Value], schema: SchemaRef<'_>, errors: &mut CheckErrors) {
    let Some(element) = schema.element() else {
        return;
    };
    // Also of lists that are no longer merged item by item, because something around them is atomic.
    let form = match schema.list_type() {
        ListType::Atomic => Form::Whole,
        ListType::Set => Form::Set(element),
        ListType::Map => Form::Keyed(schema.list_map_keys(), element),
    };
    let mut seen: BTreeSet<Element> = BTreeSet::new();
    for (i, item) in items.iter().enumerate() {
        let step = match form.element_of(item) {
            Ok(None) => format!("[{i}]"),
            Ok(Some(step)) => {
                let shown = step.to_string();
                if !seen.insert(step) {
                    errors
                        .0
                        .push(format!("{path}: duplicate entries for key {shown}"));
                }
                shown
            }
            Err(problem) => {
                // Upstream looks at no item behind one that it cannot name.
                errors.0.push(format!("{path}: element {i}: {problem}"));
                return;
            }
        };
        check_value(&format!("{path}{step}"), item, element, errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_looked_at_behind_an_item_without_keys() {
        let kind = meta::GroupVersionKind::new("", "v1", "ServiceAccount");
        let schema = schema::builtin(&kind).expect("a built-in kind");
        let config = json!({"secrets": [{}, {"kind": 5}, {}], "imagePullSecrets": "x"});
        let errors = check(&config, schema).expect_err("wrong").to_string();
        assert_eq!(errors.matches("omits all key fields").count(), 1, "{errors}");
        assert!(errors.contains(".imagePullSecrets: expected list"), "{errors}");
    }
}
