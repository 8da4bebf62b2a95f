//! Values from JSON, read as they are declared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meta::Duration;
use serde_json::{Map as Object, Value as Json};

use super::{List, Map, Moment, Text, Value};
use crate::types::{Declaration, Declared, Type};

/// The value that a piece of JSON is.
pub fn from_json<'v>(json: &'v Json, declared: Option<&'v Declaration>) -> Value<'v> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => from_number(number, declared),
        Json::String(text) => from_text(text, declared),
        Json::Array(elements) => Value::List(List::Json(elements, declared)),
        Json::Object(entries) => Value::Map(Map::Json(entries, declared)),
    }
}

fn plain(declared: Option<&Declaration>) -> Option<&Type> {
    match declared.map(|declared| &declared.kind) {
        Some(Declared::Plain(plain)) => Some(plain),
        _ => None,
    }
}

fn from_number<'v>(number: &serde_json::Number, declared: Option<&Declaration>) -> Value<'v> {
    match plain(declared) {
        Some(Type::Double) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        Some(Type::Uint) if number.is_u64() => Value::Uint(number.as_u64().unwrap_or_default()),
        _ => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}

/// Texts of declared formats are what they stand for; one that does not fit stays a text.
fn from_text<'v>(text: &'v str, declared: Option<&Declaration>) -> Value<'v> {
    let read = match plain(declared) {
        Some(Type::Bytes) => STANDARD.decode(text).ok().map(|bytes| Value::Bytes(bytes.into())),
        Some(Type::Duration) => Duration::parse(text).ok().map(Value::Duration),
        Some(Type::Timestamp) => timestamp(text).map(Value::Timestamp),
        _ => None,
    };
    read.unwrap_or(Value::String(Text::Borrowed(text)))
}

/// A time with zone, or a date alone.
fn timestamp(text: &str) -> Option<Moment> {
    match text.len() {
        10 => Moment::parse(&format!("{text}T00:00:00Z")),
        // Formats take small letters, too.
        _ => Moment::parse(&text.to_ascii_uppercase()),
    }
}

/// A field of an object, by the name that expressions call it.
pub(super) fn field<'v>(
    entries: &'v Object<String, Json>,
    declared: Option<&'v Declaration>,
    name: &str,
) -> Option<Value<'v>> {
    match declared.map(|declared| &declared.kind) {
        Some(Declared::Object(object)) => match object.field(name) {
            // A declared field that is null is not there.
            Some(field) => entries
                .get(&field.json_name)
                .filter(|value| !value.is_null())
                .map(|value| from_json(value, Some(&field.holds))),
            None => entries.get(name).map(|value| from_json(value, None)),
        },
        Some(Declared::Map(_, value)) => entries.get(name).map(|json| from_json(json, Some(value))),
        _ => entries.get(name).map(|value| from_json(value, None)),
    }
}
