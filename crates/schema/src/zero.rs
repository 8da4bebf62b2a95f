//! What Go's encoder writes for values that were not given.

use serde_json::{Map, Value};

use crate::table::{Field, Kind, Type};

/// How the zero value of a kind is written.
pub(crate) fn zero(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::IntOrString => Value::from(0),
        Kind::String => Value::String(String::new()),
        Kind::Quantity => Value::from("0"),
        Kind::Duration => Value::from("0s"),
        Kind::Object(of) => Value::Object(zero_object(of)),
        Kind::Bytes | Kind::List(_) | Kind::WrappedList(_) | Kind::Map(_) => Value::Null,
        Kind::Time | Kind::MicroTime => Value::Null,
        Kind::RawExtension | Kind::Fields | Kind::Json | Kind::Any | Kind::SchemaOr(_) => Value::Null,
    }
}

/// How an object is written of which nothing was given.
pub(crate) fn zero_object(of: &Type) -> Map<String, Value> {
    let given = of.fields.iter().filter_map(|field| {
        let value = absent(field)?;
        Some((field.name.to_owned(), value))
    });
    given.collect()
}

/// Whether a field that was not given is left out.
pub(crate) fn is_left_out(field: &Field) -> bool {
    field.omitzero || (field.omitempty && (field.pointer || can_be_empty(field.kind)))
}

/// How a field is written that was not given; none if it is left out.
pub(crate) fn absent(field: &Field) -> Option<Value> {
    if is_left_out(field) {
        None
    } else if field.pointer {
        Some(Value::Null)
    } else {
        Some(zero(field.kind))
    }
}

/// How a field is held that was given; none if it says nothing. Null is as if it was not given. An empty list or map is
/// something, although [`is_unwritten`] may hold of it: rules tell it from none, and messages print it.
pub(crate) fn present(field: &Field, value: Value) -> Option<Value> {
    if value.is_null() {
        absent(field)
    } else if field.omitempty && !field.pointer && is_scalar(field.kind) && is_empty(&value) {
        None
    } else {
        Some(value)
    }
}

/// Whether a field is held, but not written: an empty list or map, where none would be left out.
pub(crate) fn is_unwritten(field: &Field, value: &Value) -> bool {
    let is_empty = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    is_empty && field.omitempty && !field.pointer && can_be_empty(field.kind)
}

/// Whether a value of this kind says nothing if it is empty.
fn is_scalar(kind: Kind) -> bool {
    can_be_empty(kind) && !matches!(kind, Kind::List(_) | Kind::WrappedList(_) | Kind::Map(_))
}

/// Whether `omitempty` means something: Go never counts a struct as empty.
fn can_be_empty(kind: Kind) -> bool {
    match kind {
        Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::String | Kind::Bytes => true,
        Kind::List(_) | Kind::WrappedList(_) | Kind::Map(_) | Kind::Any => true,
        Kind::Quantity | Kind::IntOrString | Kind::Time | Kind::MicroTime | Kind::Duration => false,
        Kind::RawExtension | Kind::Fields | Kind::Json | Kind::SchemaOr(_) | Kind::Object(_) => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}
