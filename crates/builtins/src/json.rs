//! Small helpers on JSON trees.

use jiff::Timestamp;
use meta::Status;
use serde_json::{Value, json};

/// The text at a JSON pointer; empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The texts of the list at a JSON pointer.
pub(crate) fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The answer of an action that has nothing else to say.
pub(crate) fn success() -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 })
}

/// A time as conditions have it.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Puts a condition into an object's status; one of the same type and status keeps its time of transition.
pub(crate) fn set_condition(object: &mut Value, mut condition: Value) -> Result<(), Status> {
    let malformed = || Status::internal("the object has no list of conditions");
    let status = object
        .as_object_mut()
        .ok_or_else(malformed)?
        .entry("status")
        .or_insert_with(|| json!({}));
    let status = status.as_object_mut().ok_or_else(malformed)?;
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let conditions = conditions.as_array_mut().ok_or_else(malformed)?;
    match conditions.iter_mut().find(|old| old["type"] == condition["type"]) {
        Some(old) => {
            if old["status"] == condition["status"] {
                condition["lastTransitionTime"] = old["lastTransitionTime"].take();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    Ok(())
}
