//! Equality and order.

use std::cmp::Ordering;

use super::{List, Map, Value};
use crate::types::ListKind;

/// Whether two values are equal. Numbers are compared as numbers, whatever their types; other types differ.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => **left == **right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::Type(left), Value::Type(right)) => left.runtime_name() == right.runtime_name(),
        (Value::List(left), Value::List(right)) => equal_lists(left, right),
        (Value::Map(left), Value::Map(right)) => equal_maps(left, right),
        (Value::Optional(left), Value::Optional(right)) => match (left, right) {
            (Some(left), Some(right)) => equal(left, right),
            (left, right) => left.is_none() && right.is_none(),
        },
        (Value::Opaque(left), Value::Opaque(right)) => left.equals(right),
        (left, right) => compare_numbers(left, right) == Some(Ordering::Equal),
    }
}

fn equal_lists(left: &List<'_>, right: &List<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match left.kind() {
        ListKind::Atomic => left
            .iter()
            .zip(right.iter())
            .all(|(left, right)| equal(&left, &right)),
        ListKind::Set => left.iter().all(|element| contains(right, &element)),
        ListKind::Map(keys) => left.iter().all(|element| {
            let same = right.iter().find(|other| same_keys(keys, &element, other));
            same.is_some_and(|other| equal(&element, &other))
        }),
    }
}

/// Whether a list holds a value.
pub fn contains(list: &List<'_>, value: &Value<'_>) -> bool {
    list.iter().any(|element| equal(&element, value))
}

/// Whether two elements have the same values of the keys.
pub fn same_keys(keys: &[String], left: &Value<'_>, right: &Value<'_>) -> bool {
    let (Value::Map(left), Value::Map(right)) = (left, right) else {
        return false;
    };
    keys.iter().all(|key| match (left.field(key), right.field(key)) {
        (Ok(Some(left)), Ok(Some(right))) => equal(&left, &right),
        (Ok(None), Ok(None)) => true,
        _ => false,
    })
}

fn equal_maps(left: &Map<'_>, right: &Map<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    if let (Map::Json(left, _), Map::Json(right, _)) = (left, right)
        && std::ptr::eq(*left, *right)
    {
        return true;
    }
    left.keys()
        .iter()
        .all(|key| match (raw(left, key), raw(right, key)) {
            (Some(left), Some(right)) => equal(&left, &right),
            _ => false,
        })
}

/// The value of a key as the map itself calls it.
fn raw<'v>(map: &Map<'v>, key: &super::Key) -> Option<Value<'v>> {
    use crate::types::Declared;
    let (Map::Json(entries, declared), super::Key::String(name)) = (map, key) else {
        return map.get(key).ok().flatten();
    };
    let part = declared.and_then(|declared| match &declared.kind {
        Declared::Object(object) => object
            .field(&crate::escape::property(name)?)
            .map(|field| &field.holds),
        Declared::Map(_, value) => Some(&**value),
        _ => None,
    });
    entries.get(&**name).map(|value| super::from_json(value, part))
}

/// The order of two values; none if they have no order.
pub fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some((**left).cmp(&**right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.as_nanos().cmp(&right.as_nanos())),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        (left, right) => compare_numbers(left, right),
    }
}

fn compare_numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Double(left), right) => compare_double(*left, right),
        (left, Value::Double(right)) => compare_double(*right, left).map(Ordering::reverse),
        (left, right) => Some(whole(left)?.cmp(&whole(right)?)),
    }
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

fn compare_double(left: f64, right: &Value<'_>) -> Option<Ordering> {
    match right {
        Value::Double(right) => left.partial_cmp(right),
        right => left.partial_cmp(&(whole(right)? as f64)),
    }
}
