//! Filling in what a client left out: small steps on JSON objects.

use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Sets a field that is missing or null: the rule for fields that may also be set to their zero value.
pub fn when_missing(object: &mut Object, field: &str, value: impl Into<Value>) {
    when_missing_with(object, field, || value.into());
}

/// The same, for a value that is costly to make.
pub fn when_missing_with(object: &mut Object, field: &str, value: impl FnOnce() -> Value) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value());
    }
}

/// Sets a field that is missing or has its zero value (`""`, `0`, `false`, `[]`, `{}`): the rule for plain fields.
pub fn when_empty(object: &mut Object, field: &str, value: impl Into<Value>) {
    if object.get(field).is_none_or(is_zero) {
        object.insert(field.to_owned(), value.into());
    }
}

/// Whether this is null or the zero value of its type.
pub fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The object in this field, if there.
pub fn object_in<'a>(parent: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    parent.get_mut(field)?.as_object_mut()
}

/// The object in this field, made if missing or null.
pub fn object_or_new<'a>(parent: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    when_missing_with(parent, field, || Value::Object(Object::new()));
    object_in(parent, field)
}

/// The object at the end of these fields, each made if missing or null.
pub fn object_at<'a>(root: &'a mut Value, fields: &[&str]) -> Option<&'a mut Object> {
    let mut place = root.as_object_mut()?;
    for field in fields {
        place = object_or_new(place, field)?;
    }
    Some(place)
}

/// Writes an empty list of the object as null. Upstream's store does not tell them apart, and what is always written reads so.
pub fn null_if_empty(object: &mut Value, list: &str) {
    if let Some(list) = object.get_mut(list)
        && list.as_array().is_some_and(Vec::is_empty)
    {
        *list = Value::Null;
    }
}

/// The objects in this list, if there.
pub fn objects<'a>(parent: &'a mut Object, field: &str) -> impl Iterator<Item = &'a mut Object> {
    let items = parent.get_mut(field).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// The items of the list in this field, if there. Unlike indexing, this makes nothing that is missing.
pub fn items_mut<'a>(value: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = value.get_mut(field).and_then(Value::as_array_mut);
    items.into_iter().flatten()
}

/// The text in this field; empty if missing.
pub fn text<'a>(object: &'a Object, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

/// Whether this field is there and not null.
pub fn has(object: &Object, field: &str) -> bool {
    object.get(field).is_some_and(|value| !value.is_null())
}

/// Whether this field is there and true.
pub fn is_true(object: &Object, field: &str) -> bool {
    object.get(field) == Some(&Value::Bool(true))
}

/// Takes a field away, wherever its parents are there.
pub fn remove(root: &mut Value, fields: &[&str]) {
    let Some((last, parents)) = fields.split_last() else {
        return;
    };
    let mut place = root;
    for field in parents {
        match place.get_mut(field) {
            Some(next) => place = next,
            None => return,
        }
    }
    if let Some(object) = place.as_object_mut() {
        object.remove(*last);
    }
}

/// Puts the field of `old` in place of that of `new`; takes it away if `old` has none.
pub fn restore(new: &mut Value, old: &Value, field: &str) {
    let Some(object) = new.as_object_mut() else {
        return;
    };
    match old.get(field) {
        Some(value) => object.insert(field.to_owned(), value.clone()),
        None => object.remove(field),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn missing_and_empty_are_different_rules() {
        let mut value = json!({"zero": 0, "empty": "", "null": null});
        let object = value.as_object_mut().expect("an object");
        for field in ["zero", "empty", "null", "none"] {
            when_missing(object, field, 7);
        }
        assert_eq!(value, json!({"zero": 0, "empty": "", "null": 7, "none": 7}));
        let object = value.as_object_mut().expect("an object");
        for field in ["zero", "empty", "null"] {
            when_empty(object, field, 8);
        }
        assert_eq!(value, json!({"zero": 8, "empty": 8, "null": 7, "none": 7}));
    }

    #[test]
    fn fields_are_removed_and_restored() {
        let old = json!({"status": 1});
        let mut new = json!({"status": 2, "spec": {"a": 1, "b": 2}});
        restore(&mut new, &old, "status");
        restore(&mut new, &old, "nothing");
        remove(&mut new, &["spec", "a"]);
        remove(&mut new, &["none", "a"]);
        assert_eq!(new, json!({"status": 1, "spec": {"b": 2}}));
    }
}
