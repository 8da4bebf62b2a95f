//! A place in an object under validation: its value, where it stands, and how to say what is wrong there.
//!
//! A cursor holds a link to its parent, so that a path is written out only when something is wrong: validating a good
//! object allocates nothing for paths.

use std::borrow::Cow;
use std::cell::RefCell;

use meta::field::FieldErrorKind;
use meta::{ErrorList, FieldError, Path};
use schema::SchemaRef;
use serde_json::Value;

use super::go;

/// What validation has found so far.
#[derive(Debug, Default)]
pub struct Report {
    errors: RefCell<ErrorList>,
    /// The type of the object, for messages that print whole structures.
    schema: Option<SchemaRef<'static>>,
}

impl Report {
    /// Nothing wrong yet with an object of that type.
    pub fn new(schema: Option<SchemaRef<'static>>) -> Self {
        Self {
            errors: RefCell::default(),
            schema,
        }
    }

    /// Runs `rules` on the whole of `object`, which is of type `schema`, and gives back what they found.
    pub fn of(schema: SchemaRef<'static>, object: &Value, rules: impl FnOnce(&Field)) -> ErrorList {
        let report = Self::new(Some(schema));
        rules(&Field::root(&report, object));
        report.into_errors()
    }

    /// The same for an object whose type does not matter.
    pub fn of_any(object: &Value, rules: impl FnOnce(&Field)) -> ErrorList {
        let report = Self::default();
        rules(&Field::root(&report, object));
        report.into_errors()
    }

    /// Everything found.
    pub fn into_errors(self) -> ErrorList {
        self.errors.into_inner()
    }

    /// Adds an error that was made elsewhere.
    pub fn push(&self, error: FieldError) {
        self.errors.borrow_mut().push(error);
    }

    /// How many errors there are, to see whether a group of rules has added any.
    pub fn count(&self) -> usize {
        self.errors.borrow().len()
    }

    /// The places of all errors but so many that came first.
    pub fn places_since(&self, count: usize) -> Vec<Path> {
        let errors = self.errors.borrow();
        errors
            .iter()
            .skip(count)
            .map(|error| error.path.clone())
            .collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step<'v> {
    Root,
    Name(&'v str),
    Index(usize),
    Key(&'v str),
}

/// A cursor on a value in an object. A missing value and `null` are the same: nothing is there.
#[derive(Clone, Copy, Debug)]
pub struct Field<'p, 'v> {
    report: &'p Report,
    parent: Option<&'p Field<'p, 'v>>,
    step: Step<'v>,
    value: Option<&'v Value>,
}

/// JSON as Go writes it: these are escaped in texts.
fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(['<', '>', '&']) {
        return json.into();
    }
    let escaped = json.replace('<', "\\u003c").replace('>', "\\u003e");
    escaped.replace('&', "\\u0026").into()
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// Moving about.
impl<'p, 'v> Field<'p, 'v> {
    /// The object itself.
    pub fn root(report: &'p Report, object: &'v Value) -> Self {
        Self {
            report,
            parent: None,
            step: Step::Root,
            value: present(Some(object)),
        }
    }

    /// A field of this object with another value, where upstream names another place than the value's own.
    pub fn standing_for<'c>(&'c self, name: &'v str, value: Option<&'v Value>) -> Field<'c, 'v> {
        self.below(Step::Name(name), value)
    }

    fn below<'c>(&'c self, step: Step<'v>, value: Option<&'v Value>) -> Field<'c, 'v> {
        Field {
            report: self.report,
            parent: Some(self),
            step,
            value: present(value),
        }
    }

    /// A field of this object, there or not.
    pub fn child<'c>(&'c self, name: &'v str) -> Field<'c, 'v> {
        self.below(Step::Name(name), self.value.and_then(|v| v.get(name)))
    }

    /// An entry of this map, there or not.
    pub fn key<'c>(&'c self, key: &'v str) -> Field<'c, 'v> {
        self.below(Step::Key(key), self.value.and_then(|v| v.get(key)))
    }

    /// An item of this list, there or not.
    pub fn item<'c>(&'c self, index: usize) -> Field<'c, 'v> {
        self.below(Step::Index(index), self.value.and_then(|v| v.get(index)))
    }

    /// An item of this list with another value, where upstream names another place than the value's own.
    pub fn standing_item<'c>(&'c self, index: usize, value: Option<&'v Value>) -> Field<'c, 'v> {
        self.below(Step::Index(index), value)
    }

    /// An entry of this map with another value, where upstream names another place than the value's own.
    pub fn standing_key<'c>(&'c self, key: &'v str, value: Option<&'v Value>) -> Field<'c, 'v> {
        self.below(Step::Key(key), value)
    }

    /// The items of this list; none if it is not there.
    pub fn items<'c>(&'c self) -> impl ExactSizeIterator<Item = Field<'c, 'v>> {
        let items = self
            .value
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .enumerate()
            .map(|(index, item)| self.below(Step::Index(index), Some(item)))
    }

    /// The entries of this map, by key.
    pub fn entries<'c>(&'c self) -> impl Iterator<Item = (&'v str, Field<'c, 'v>)> {
        let entries = self.value.and_then(Value::as_object).into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), self.below(Step::Key(key), Some(value))))
    }
}

/// Reading.
impl<'v> Field<'_, 'v> {
    /// What is there.
    pub fn value(&self) -> Option<&'v Value> {
        self.value
    }

    /// Whether anything is there.
    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Whether nothing is there, or an empty text, list or map.
    pub fn is_empty(&self) -> bool {
        match self.value {
            None => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(fields)) => fields.is_empty(),
            Some(_) => false,
        }
    }

    /// The text; empty if it is not there.
    pub fn text(&self) -> &'v str {
        self.value.and_then(Value::as_str).unwrap_or("")
    }

    /// The text, if there.
    pub fn value_text(&self) -> Option<&'v str> {
        self.value.and_then(Value::as_str)
    }

    /// The number, if there.
    pub fn int(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    /// The number; 0 if it is not there.
    pub fn number(&self) -> i64 {
        self.int().unwrap_or(0)
    }

    /// The boolean, if there.
    pub fn bool(&self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }

    /// Whether it is there and true.
    pub fn is_true(&self) -> bool {
        self.bool() == Some(true)
    }

    /// How many items or entries there are.
    pub fn len(&self) -> usize {
        match self.value {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(fields)) => fields.len(),
            _ => 0,
        }
    }

    /// The text of a field of this object; empty if it is not there.
    pub fn text_of(&self, name: &str) -> &'v str {
        self.value
            .and_then(|v| v.get(name))
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    /// The texts in this list.
    pub fn texts(&self) -> impl Iterator<Item = &'v str> {
        let items = self
            .value
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(Value::as_str)
    }

    /// The field's name, if it is one of an object.
    pub fn name(&self) -> Option<&'v str> {
        match self.step {
            Step::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Where errors go.
    pub fn report(&self) -> &Report {
        self.report
    }

    /// Its place in the type table, if that is known.
    pub fn schema(&self) -> Option<SchemaRef<'static>> {
        let parent = match self.parent {
            Some(parent) => parent.schema()?,
            None => return self.report.schema,
        };
        match self.step {
            Step::Root => Some(parent),
            Step::Name(name) => parent.field(name),
            Step::Index(_) | Step::Key(_) => parent.element(),
        }
    }

    /// The path, written out.
    pub fn path(&self) -> Path {
        let parent = self.parent.map_or_else(Path::root, Field::path);
        match self.step {
            Step::Root => parent,
            // Upstream prints a path of an empty name like this.
            Step::Name("") => parent.key(""),
            Step::Name(name) => parent.child(name),
            Step::Index(index) => parent.index(index),
            Step::Key(key) => parent.key(key),
        }
    }
}

/// Saying what is wrong.
impl Field<'_, '_> {
    fn own(&self) -> Value {
        self.value.cloned().unwrap_or(Value::Null)
    }

    /// `Required value[: detail]`.
    pub fn required(&self, detail: &str) {
        self.report.push(FieldError::required(&self.path(), detail));
    }

    /// `Forbidden[: detail]`.
    pub fn forbidden(&self, detail: &str) {
        self.report.push(FieldError::forbidden(&self.path(), detail));
    }

    /// `Forbidden[: detail]` at an entry of this map that need not be there.
    pub fn forbidden_at(&self, key: &str, detail: &str) {
        self.report
            .push(FieldError::forbidden(&self.path().key(key), detail));
    }

    /// `Invalid value: THIS: detail`.
    pub fn invalid(&self, detail: &str) {
        match self.value {
            Some(Value::Object(_) | Value::Array(_)) => self.invalid_printed(&self.printed(), detail),
            _ => self.invalid_as(self.own(), detail),
        }
    }

    /// `Invalid value: PRINTED: detail`.
    pub fn invalid_printed(&self, printed: &str, detail: &str) {
        let printed = escaped(printed);
        let separator = if detail.is_empty() { "" } else { ": " };
        self.say(
            FieldErrorKind::Invalid,
            format!("Invalid value: {printed}{separator}{detail}"),
        );
    }

    /// `Invalid value: DETAIL`, for the few rules of upstream that print no value.
    pub fn invalid_plain(&self, detail: &str) {
        self.say(FieldErrorKind::Invalid, format!("Invalid value: {detail}"));
    }

    /// The value as messages print it.
    pub fn printed(&self) -> String {
        go::printed(self.value, self.schema())
    }

    fn say(&self, kind: FieldErrorKind, message: String) {
        self.report.push(FieldError {
            kind,
            path: self.path(),
            message,
        });
    }

    /// `Invalid value: VALUE: detail`, where upstream prints another value than the field's own.
    pub fn invalid_as(&self, value: impl Into<Value>, detail: &str) {
        self.report.push(FieldError::invalid(&self.path(), value, detail));
    }

    /// `Duplicate value: THIS`.
    pub fn duplicate(&self) {
        self.duplicate_with("");
    }

    /// `Duplicate value: THIS[: detail]`.
    pub fn duplicate_with(&self, detail: &str) {
        self.duplicate_printed(&self.printed(), detail);
    }

    /// `Duplicate value: PRINTED[: detail]`.
    pub fn duplicate_printed(&self, printed: &str, detail: &str) {
        let separator = if detail.is_empty() { "" } else { ": " };
        let message = format!("Duplicate value: {printed}{separator}{detail}");
        self.say(FieldErrorKind::Duplicate, message);
    }

    /// `Duplicate value: VALUE`.
    pub fn duplicate_as(&self, value: impl Into<Value>) {
        self.report.push(FieldError::duplicate(&self.path(), value));
    }

    /// `Not found: VALUE`.
    pub fn not_found_as(&self, value: impl Into<Value>) {
        self.report.push(FieldError::not_found(&self.path(), value));
    }

    /// `Unsupported value: THIS: supported values: ...`, a missing text printed as empty.
    pub fn not_supported(&self, supported: &[&str]) {
        match self.value {
            Some(Value::Object(_) | Value::Array(_)) => {
                self.not_supported_printed(&self.printed(), supported)
            }
            value => self.not_supported_as(value.cloned().unwrap_or_else(|| "".into()), supported),
        }
    }

    /// `Unsupported value: VALUE: supported values: ...`.
    pub fn not_supported_as(&self, value: impl Into<Value>, supported: &[&str]) {
        self.report
            .push(FieldError::not_supported(&self.path(), value, supported));
    }

    /// `Unsupported value: PRINTED: supported values: ...`.
    pub fn not_supported_printed(&self, printed: &str, supported: &[&str]) {
        let error = FieldError::not_supported(&self.path(), "", supported);
        // The value is printed by the caller; the rest stays.
        let message = error.message.replacen("\"\"", printed, 1);
        self.say(error.kind, message);
    }

    /// `Too long: may not be more than MAX bytes`.
    pub fn too_long(&self, max_bytes: usize) {
        self.report.push(FieldError::too_long(&self.path(), max_bytes));
    }

    /// `Too many: N: must have at most MAX items`, N being how many there are.
    pub fn too_many(&self, max: usize) {
        self.report
            .push(FieldError::too_many(&self.path(), self.len(), max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_written_only_for_errors() {
        let object = json!({"spec": {"containers": [{"name": "a"}, {"name": ""}]}, "labels": {"x/y": "z"}});
        let errors = Report::of_any(&object, |root| {
            let spec = root.child("spec");
            for container in spec.child("containers").items() {
                let name = container.child("name");
                if name.is_empty() {
                    name.required("");
                }
            }
            for (_, label) in root.child("labels").entries() {
                label.invalid("no");
            }
            root.forbidden("");
        });
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "spec.containers[1].name: Required value",
                r#"labels[x/y]: Invalid value: "z": no"#,
                "<nil>: Forbidden",
            ]
        );
    }

    #[test]
    fn null_is_nothing() {
        let object = json!({"a": null, "b": [], "c": 0});
        let report = Report::default();
        let root = Field::root(&report, &object);
        assert!(!root.child("a").is_set());
        assert!(root.child("b").is_set() && root.child("b").is_empty());
        assert!(!root.child("c").is_empty());
        assert_eq!(root.child("a").child("b").number(), 0);
    }
}
