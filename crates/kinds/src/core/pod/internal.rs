//! What differs between two states of a pod, as upstream shows it when it explains what may not change.

use schema::SchemaRef;
use serde_json::Value;

use crate::toolkit::{diff, go};

/// The changes from `old` to `new`, both of the same type, line by line.
pub fn diff(old: &Value, new: &Value, schema: Option<SchemaRef>) -> String {
    diff::unified(&go::indented(old, schema), &go::indented(new, schema))
}
