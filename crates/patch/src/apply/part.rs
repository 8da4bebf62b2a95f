//! Merging a part of an object into it, whoever owns what: what a policy of admission wants to be so.

use schema::SchemaRef;
use serde_json::Value;

use super::check::{CheckErrors, check};
use super::merge::merge;
use crate::fields::Form;

/// Why a part cannot be merged into an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// It has fields that the type has not, or values of the wrong type.
    #[error("{0}")]
    NotTyped(CheckErrors),
    /// It has lists, maps or objects that can only be taken as a whole: what is not in the part would be lost.
    #[error("may not mutate atomic arrays, maps or structs: {}", .0.join(", "))]
    Atomic(Vec<String>),
}

/// The object with a part of an object of its type put in.
///
/// # Errors
/// If the part is not of the type, or would replace more than it says.
pub fn merge_part(object: &Value, part: &Value, schema: SchemaRef<'_>) -> Result<Value, PartError> {
    check(part, schema).map_err(PartError::NotTyped)?;
    let mut atomic = Vec::new();
    find_atomic("", part, schema, &mut atomic);
    if !atomic.is_empty() {
        return Err(PartError::Atomic(atomic));
    }
    Ok(merge(object, part, schema))
}

/// The paths of everything in a part that is taken as a whole and is no scalar.
fn find_atomic(path: &str, part: &Value, schema: SchemaRef<'_>, found: &mut Vec<String>) {
    let fields = part.as_object().into_iter().flatten();
    match Form::of(schema) {
        Form::Whole if part.is_object() || part.is_array() => found.push(path.to_owned()),
        Form::Whole => {}
        Form::Fields(schema) | Form::Free(schema) => {
            for (name, field) in fields {
                if let Some(schema) = schema.field(name) {
                    find_atomic(&format!("{path}.{name}"), field, schema, found);
                }
            }
        }
        Form::Map(schema) => {
            for (name, field) in fields {
                find_atomic(&format!("{path}.{name}"), field, schema, found);
            }
        }
        Form::Set(schema) | Form::Keyed(_, schema) => {
            for (index, item) in part.as_array().into_iter().flatten().enumerate() {
                find_atomic(&format!("{path}[{index}]"), item, schema, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;
    use serde_json::json;

    use super::*;

    fn merged(object: Value, part: Value) -> Result<Value, String> {
        let pod = GroupVersionKind::new("", "v1", "Pod");
        let schema = schema::builtin(&pod).expect("a known kind");
        merge_part(&object, &part, schema).map_err(|error| error.to_string())
    }

    #[test]
    fn parts_are_merged_by_their_keys() {
        let object = json!({
            "metadata": {"labels": {"a": "1"}},
            "spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]},
        });
        let part = json!({
            "metadata": {"labels": {"b": "2"}}, "spec": {"containers": [{"name": "c", "tty": true}]},
        });
        let expected = json!({
            "metadata": {"labels": {"a": "1", "b": "2"}},
            "spec": {"containers": [{"name": "c", "image": "i", "tty": true}, {"name": "d", "image": "i"}]},
        });
        assert_eq!(merged(object, part), Ok(expected));
    }

    #[test]
    fn what_would_replace_more_than_it_says_is_refused() {
        let part = json!({"spec": {"containers": [{"name": "c", "command": ["sh"]}]}});
        let why = "may not mutate atomic arrays, maps or structs: .spec.containers[0].command";
        assert_eq!(merged(json!({}), part), Err(why.to_owned()));
        let why = ".spec.colour: field not declared in schema";
        assert_eq!(
            merged(json!({}), json!({"spec": {"colour": "red"}})),
            Err(why.to_owned())
        );
    }
}
