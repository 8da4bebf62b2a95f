//! What tests of rooms have in common.

use std::sync::Arc;

use meta::ErrorList;
use resource::Kind;
use serde_json::Value;

/// The room of a resource.
pub fn room(group: &str, plural: &str) -> Arc<dyn Kind> {
    crate::all()
        .into_iter()
        .find(|kind| kind.descriptor().kind.group == group && kind.descriptor().plural == plural)
        .expect("every test names a served resource")
}

/// The object with its defaults.
pub fn defaulted(group: &str, plural: &str, mut object: Value) -> Value {
    room(group, plural).default(&mut object);
    object
}

fn texts(errors: ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// What is wrong with a new object, once it has its defaults and its initial state.
pub fn create_errors(group: &str, plural: &str, mut object: Value) -> Vec<String> {
    let room = room(group, plural);
    room.default(&mut object);
    room.prepare_for_create(&mut object);
    texts(room.validate(&object))
}

/// What is wrong with a change.
pub fn update_errors(group: &str, plural: &str, new: &Value, old: &Value) -> Vec<String> {
    texts(room(group, plural).validate_update(new, old))
}

/// What is wrong with a change of a part.
pub fn part_errors(group: &str, plural: &str, part: &str, new: &Value, old: &Value) -> Vec<String> {
    texts(room(group, plural).validate_part_update(part, new, old))
}

/// The cells of an object's row.
pub fn cells(group: &str, plural: &str, object: &Value) -> Vec<Value> {
    let room = room(group, plural);
    let row = room.row(object, 0);
    assert_eq!(row.cells.len(), room.columns().len(), "as many cells as columns");
    row.cells
}
