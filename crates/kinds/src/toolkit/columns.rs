//! Columns and cells that many tables have.

use std::borrow::Cow;

use meta::age::age;
use meta::time::Time;
use resource::Column;
use resource::table::{OBJECT_CREATED, OBJECT_NAME};
use serde_json::Value;

/// The name of the object.
pub const NAME: Column = Column {
    name: Cow::Borrowed("Name"),
    kind: Cow::Borrowed("string"),
    format: Cow::Borrowed("name"),
    description: Cow::Borrowed("Name of the object."),
    field: OBJECT_NAME,
    priority: 0,
};

/// How long ago the object was created.
pub const AGE: Column = Column::string("Age", "Time since the object was created.").shows(OBJECT_CREATED);

/// A column that says yes or no.
pub const fn boolean(name: &'static str, description: &'static str) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed("boolean"),
        format: Cow::Borrowed(""),
        description: Cow::Borrowed(description),
        field: "",
        priority: 0,
    }
}

/// A column of whole numbers.
pub const fn integer(name: &'static str, description: &'static str) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed("integer"),
        format: Cow::Borrowed(""),
        description: Cow::Borrowed(description),
        field: "",
        priority: 0,
    }
}

/// What a table shows where there is nothing.
pub const NONE: &str = "<none>";

/// The text at the end of these fields; empty if missing.
pub fn text<'a>(object: &'a Value, fields: &[&str]) -> &'a str {
    at(object, fields).and_then(Value::as_str).unwrap_or("")
}

/// The number at the end of these fields; 0 if missing.
pub fn number(object: &Value, fields: &[&str]) -> i64 {
    at(object, fields).and_then(Value::as_i64).unwrap_or(0)
}

/// The value at the end of these fields, if there.
pub fn at<'a>(object: &'a Value, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().try_fold(object, |value, field| value.get(*field))
}

/// The items of the list at the end of these fields.
pub fn list<'a>(object: &'a Value, fields: &[&str]) -> &'a [Value] {
    at(object, fields)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The text, or `<none>`.
pub fn or_none(text: &str) -> Value {
    if text.is_empty() { NONE.into() } else { text.into() }
}

/// The cell for [`NAME`].
pub fn name(object: &Value) -> Value {
    meta::object::name(object).into()
}

/// The cell for [`AGE`].
pub fn created(object: &Value, now: i64) -> Value {
    since(text(object, &["metadata", "creationTimestamp"]), now).into()
}

/// How long ago that was; `<unknown>` if nobody knows.
pub fn since(time: &str, now: i64) -> String {
    age(Time::parse(time).ok(), now)
}

/// Names and images of a pod spec's containers, joined.
pub fn containers_and_images(spec: Option<&Value>) -> [Value; 2] {
    let containers = spec.map_or(&[][..], |spec| list(spec, &["containers"]));
    let joined = |field: &str| {
        let texts: Vec<&str> = containers
            .iter()
            .map(|container| text(container, &[field]))
            .collect();
        texts.join(",").into()
    };
    [joined("name"), joined("image")]
}
