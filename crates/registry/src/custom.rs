//! Custom resources on their way in.

use resource::Kind;
use schema::decode::{DecodeError, TypeMeta};
use schema::{FieldValidation, StrictReport};
use serde_json::Value;

/// Reads a tree as an object of a custom kind, without the fields its schema does not know. Of what type it says it is,
/// validation judges, as long as it says something. Defaults are not yet in.
///
/// # Errors
/// If it does not say its kind, or its metadata are wrong, in Go's words.
pub(crate) fn decode(kind: &dyn Kind, tree: Value) -> Result<(Value, StrictReport), DecodeError> {
    if TypeMeta::of(&tree).kind.is_empty() {
        return Err(DecodeError::Value(missing_kind(&tree.to_string())));
    }
    schema::decode_value(tree, kind.schema(), FieldValidation::Warn)
}

/// The same for the outcome of an apply, whose nulls stay.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_applied(kind: &dyn Kind, tree: Value) -> Result<Value, DecodeError> {
    if TypeMeta::of(&tree).kind.is_empty() {
        return Err(DecodeError::Value(missing_kind(&tree.to_string())));
    }
    match kind.schema().custom() {
        Some(schema) => schema::structural::decode_applied(tree, schema),
        None => decode(kind, tree).map(|(tree, _)| tree),
    }
}

/// Upstream's message for an object that does not say what it is.
pub fn missing_kind(text: &str) -> String {
    format!("Object 'Kind' is missing in '{text}'")
}
