//! What the macros that make maps gather with.

use std::rc::Rc;

use super::{A, Answer, B, Functions, failed, no_such_overload};
use crate::types::Type;
use crate::value::{Key, Map, Value};

pub(super) fn declare(functions: &mut Functions) {
    let map = || Type::map(A, B);
    functions.global(
        "cel.@mapInsert",
        "@mapInsert_map_key_value",
        &[map(), A, B],
        map(),
        |arguments| insert(arguments.to_vec()),
    );
    functions.global(
        "cel.@mapInsert",
        "@mapInsert_map_map",
        &[map(), map()],
        map(),
        |arguments| insert(arguments.to_vec()),
    );
}

/// A map with an entry, or the entries of another map, more. A key cannot come twice.
pub(crate) fn insert<'v>(mut arguments: Vec<Value<'v>>) -> Answer<'v> {
    let Value::Map(Map::Made(mut entries)) = std::mem::replace(&mut arguments[0], Value::Null) else {
        return Err(no_such_overload());
    };
    let added = Rc::make_mut(&mut entries);
    match &arguments[1..] {
        [Value::Map(more)] => {
            for key in more.keys() {
                let value = more.get(&key)?.unwrap_or(Value::Null);
                insert_one(added, key, value)?;
            }
        }
        [key, value] => match Key::of(key) {
            Some(key) => insert_one(added, key, value.clone())?,
            None => return failed(format!("unsupported key type: {}", key.runtime_type())),
        },
        _ => return Err(no_such_overload()),
    }
    Ok(Value::Map(Map::Made(entries)))
}

fn insert_one<'v>(
    entries: &mut std::collections::BTreeMap<Key, Value<'v>>,
    key: Key,
    value: Value<'v>,
) -> Result<(), crate::error::EvaluationError> {
    if key.entry_in(entries).is_some() {
        let message = format!("insert failed: key {} already exists", key.shown());
        return Err(crate::error::EvaluationError::failed(message));
    }
    entries.insert(key, value);
    Ok(())
}
