//! Validation that every kind shares, in upstream's words.

mod labels;
mod managed_fields;
mod object_meta;
mod owner;
mod selector;

use serde_json::{Map, Value};

use crate::field::{ErrorList, FieldError, Path};
use crate::name::Problems;

pub use labels::{annotations, labels};
pub use managed_fields::{field_manager, managed_fields};
pub use object_meta::{MetaRules, carry_over, finalizers, object_meta, object_meta_update};
pub use owner::owner_references;
pub use selector::{LabelSelectorRules, label_selector};

/// An error for each problem of a value.
pub fn invalid(path: &Path, value: &str, problems: Problems) -> ErrorList {
    problems
        .into_iter()
        .map(|problem| FieldError::invalid(path, value, &problem))
        .collect()
}

/// A field that may not change once set.
pub fn immutable(path: &Path, new: Option<&Value>, old: Option<&Value>) -> ErrorList {
    if new == old {
        return ErrorList::new();
    }
    let shown = new.cloned().unwrap_or(Value::Null);
    vec![FieldError::invalid(path, shown, "field is immutable")]
}

/// A number that may not be negative.
pub fn non_negative(path: &Path, number: i64) -> ErrorList {
    if number >= 0 {
        return ErrorList::new();
    }
    vec![FieldError::invalid(
        path,
        number,
        "must be greater than or equal to 0",
    )]
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

fn map<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a Map<String, Value>> {
    object.get(field).and_then(Value::as_object)
}

fn list<'a>(object: &'a Map<String, Value>, field: &str) -> &'a [Value] {
    object
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
