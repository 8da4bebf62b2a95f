//! The directives of a strategic merge patch.

use serde_json::{Map, Value};

use super::error::StrategicError;
use super::is_sibling_directive;

/// `replace`, `delete` (and, where nothing follows from it, `merge`): what to do with the object or list it stands in.
pub(super) const PATCH: &str = "$patch";
/// The fields of an object that stay.
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
/// `$setElementOrder/FIELD`: the order of a list.
pub(super) const ORDER_PREFIX: &str = "$setElementOrder";
/// `$deleteFromPrimitiveList/FIELD`: scalars that leave a list.
pub(super) const DELETE_FROM_PREFIX: &str = "$deleteFromPrimitiveList";

/// Takes from `original` every field that `$retainKeys` does not name; the patch must not set such fields.
pub(super) fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), StrategicError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keys) = keys else {
        return Err(StrategicError::BadRetainKeys);
    };
    let is_retained = |key: &str| keys.iter().any(|retained| retained == key);
    let sets_another = patch
        .iter()
        .any(|(key, value)| !value.is_null() && !is_sibling_directive(key) && !is_retained(key));
    if sets_another {
        return Err(StrategicError::BadRetainKeys);
    }
    original.retain(|key, _| is_retained(key));
    Ok(())
}

/// The field that a `$deleteFromPrimitiveList/FIELD` is about.
pub(super) fn deletion_key(key: &str) -> Result<Option<&str>, StrategicError> {
    match key.strip_prefix(DELETE_FROM_PREFIX) {
        None => Ok(None),
        Some(rest) => rest
            .strip_prefix('/')
            .map(Some)
            .ok_or(StrategicError::BadPrimitiveList),
    }
}

/// The field that a `$setElementOrder/FIELD` is about.
pub(super) fn order_key(key: &str) -> Result<Option<&str>, StrategicError> {
    match key.strip_prefix(ORDER_PREFIX) {
        None => Ok(None),
        Some(rest) => rest
            .strip_prefix('/')
            .map(Some)
            .ok_or(StrategicError::BadElementOrder),
    }
}

/// What a value of a patch amounts to where there is nothing to merge it into: without nulls, and without every object
/// that has a `$patch` (none, if the value is one).
pub(super) fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.get(PATCH).is_some_and(|directive| !directive.is_null()) => None,
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, field)| !field.is_null());
            let fields = fields.filter_map(|(key, field)| Some((key, plain(field)?)));
            Some(Value::Object(fields.collect()))
        }
        Value::Array(items) => Some(items.into_iter().filter_map(plain).collect()),
        scalar => Some(scalar),
    }
}
