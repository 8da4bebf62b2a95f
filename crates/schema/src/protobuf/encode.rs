//! From a decoded tree to a message.

use std::str::FromStr;

use meta::{Duration, MicroTime, Time};
use serde_json::{Map, Value};

use super::EncodeError;
use super::wire::{WireType, Writer};
use crate::forms::base64;
use crate::generated::apiextensions_v1::JSON_SCHEMA_PROPS;
use crate::reference::SchemaRef;
use crate::table::{Field, Kind, SchemaOr, Type};

/// The message of an object, without what stands around it.
///
/// # Errors
/// If its type has no protobuf form, or it was not decoded against `schema`.
pub fn encode_message(object: &Value, schema: SchemaRef<'_>) -> Result<Vec<u8>, EncodeError> {
    let Kind::Object(of) = schema.kind() else {
        return Err(EncodeError::Unsupported);
    };
    if !of.message {
        return Err(EncodeError::Unsupported);
    }
    let fields = object.as_object().ok_or_else(|| misfit(Kind::Object(of)))?;
    let mut writer = Writer::default();
    message(&mut writer, of, fields)?;
    Ok(writer.finish())
}

/// The fields of a type, the last first: the writer runs backwards.
fn message(writer: &mut Writer, of: &'static Type, fields: &Map<String, Value>) -> Result<(), EncodeError> {
    let mut embedded = of.embedded.iter().rev().peekable();
    for &index in of.by_number.iter().rev() {
        let declared = &of.fields[usize::from(index)];
        while let Some(inner) = embedded.next_if(|inner| inner.number > declared.number) {
            embedded_message(writer, inner.number, inner.of, fields)?;
        }
        let value = fields.get(declared.name).filter(|value| !value.is_null());
        field(writer, declared, value).map_err(|error| error.below(declared.name))?;
    }
    for inner in embedded {
        embedded_message(writer, inner.number, inner.of, fields)?;
    }
    Ok(())
}

fn embedded_message(
    writer: &mut Writer,
    number: u16,
    of: &'static Type,
    fields: &Map<String, Value>,
) -> Result<(), EncodeError> {
    let before = writer.len();
    message(writer, of, fields)?;
    writer.head(number, before);
    Ok(())
}

/// A field with its tag. What is no pointer is written even where nothing was given.
fn field(writer: &mut Writer, field: &Field, value: Option<&Value>) -> Result<(), EncodeError> {
    let number = field.number;
    match (field.kind, value) {
        (Kind::List(of), Some(items)) => {
            let items = items.as_array().ok_or_else(|| misfit(field.kind))?;
            items
                .iter()
                .rev()
                .try_for_each(|item| scalar_or_message(writer, number, *of, Some(item)))
        }
        (Kind::Map(of), Some(entries)) => {
            let entries = entries.as_object().ok_or_else(|| misfit(field.kind))?;
            entries.iter().rev().try_for_each(|(key, value)| {
                let before = writer.len();
                if can_be_given(*of, value) {
                    scalar_or_message(writer, 2, *of, Some(value))?;
                }
                writer.length_delimited(1, key.as_bytes());
                writer.head(number, before);
                Ok(())
            })
        }
        (Kind::List(_) | Kind::Map(_) | Kind::WrappedList(_) | Kind::Bytes | Kind::Any, None) => Ok(()),
        (_, None) if field.pointer => Ok(()),
        (kind, value) => scalar_or_message(writer, number, kind, value),
    }
}

/// Whether a map's value is there at all: nil bytes and lists are not.
fn can_be_given(kind: Kind, value: &Value) -> bool {
    !(value.is_null() && matches!(kind, Kind::Bytes | Kind::WrappedList(_)))
}

/// One value with its tag; none stands for the zero value.
fn scalar_or_message(
    writer: &mut Writer,
    number: u16,
    kind: Kind,
    value: Option<&Value>,
) -> Result<(), EncodeError> {
    let wrong = || misfit(kind);
    let text = || value.map_or(Some(""), Value::as_str).ok_or_else(wrong);
    match kind {
        Kind::Bool => {
            let value = value.map_or(Some(false), Value::as_bool).ok_or_else(wrong)?;
            writer.integer(number, i64::from(value));
        }
        Kind::Int32 | Kind::Int64 => {
            let value = value.map_or(Some(0), Value::as_i64).ok_or_else(wrong)?;
            writer.integer(number, value);
        }
        Kind::Float64 => {
            let value = value.map_or(Some(0.0), Value::as_f64).ok_or_else(wrong)?;
            writer.bytes(&value.to_le_bytes());
            writer.tag(number, WireType::Fixed64);
        }
        Kind::String => writer.length_delimited(number, text()?.as_bytes()),
        Kind::Bytes => writer.length_delimited(number, &base64::parse(text()?).map_err(|_| wrong())?),
        _ => {
            let before = writer.len();
            body(writer, kind, value)?;
            writer.head(number, before);
        }
    }
    Ok(())
}

/// What is a message of its own, without tag and length.
fn body(writer: &mut Writer, kind: Kind, value: Option<&Value>) -> Result<(), EncodeError> {
    let wrong = || misfit(kind);
    match (kind, value) {
        (Kind::Object(of), None) => message(writer, of, &Map::new())?,
        (Kind::Object(of), Some(value)) => message(writer, of, value.as_object().ok_or_else(wrong)?)?,
        (Kind::Quantity, value) => {
            let text = value.map_or(Some("0"), Value::as_str).ok_or_else(wrong)?;
            writer.length_delimited(1, text.as_bytes());
        }
        (Kind::IntOrString, value) => {
            let text = value.and_then(Value::as_str);
            let integer = value.and_then(Value::as_i64);
            if value.is_some() && text.is_none() && integer.is_none() {
                return Err(wrong());
            }
            writer.length_delimited(3, text.unwrap_or_default().as_bytes());
            writer.integer(2, integer.unwrap_or(0));
            writer.integer(1, i64::from(text.is_some()));
        }
        (Kind::Duration, value) => {
            let duration: Duration = value
                .map_or(Some(Duration::default()), parsed)
                .ok_or_else(wrong)?;
            writer.integer(1, duration.as_nanos());
        }
        (Kind::Time | Kind::MicroTime, None | Some(Value::Null)) => {}
        (Kind::Time, Some(value)) => {
            let time: Time = parsed(value).ok_or_else(wrong)?;
            timestamp(writer, time.seconds(), 0);
        }
        (Kind::MicroTime, Some(value)) => {
            let time: MicroTime = parsed(value).ok_or_else(wrong)?;
            let micros = time.micros();
            timestamp(
                writer,
                micros.div_euclid(1_000_000),
                micros.rem_euclid(1_000_000) * 1000,
            );
        }
        (Kind::RawExtension | Kind::Fields | Kind::Json, value) => {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                writer.length_delimited(1, value.to_string().as_bytes());
            }
        }
        (Kind::SchemaOr(or), Some(value)) => schema_or(writer, or, value)?,
        (Kind::SchemaOr(_), None) => {}
        (Kind::WrappedList(of), Some(items)) => {
            let items = items.as_array().ok_or_else(wrong)?;
            items
                .iter()
                .rev()
                .try_for_each(|item| scalar_or_message(writer, 1, *of, Some(item)))?;
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

fn timestamp(writer: &mut Writer, seconds: i64, nanoseconds: i64) {
    writer.integer(2, nanoseconds);
    writer.integer(1, seconds);
}

/// A schema or what is short for one.
fn schema_or(writer: &mut Writer, or: SchemaOr, value: &Value) -> Result<(), EncodeError> {
    let schema_number = match or {
        SchemaOr::Bool => 2,
        SchemaOr::Schemas | SchemaOr::Strings => 1,
    };
    if value.is_object() {
        scalar_or_message(
            writer,
            schema_number,
            Kind::Object(&JSON_SCHEMA_PROPS),
            Some(value),
        )?;
    }
    match (or, value) {
        (SchemaOr::Bool, value) => writer.integer(1, i64::from(value != &Value::Bool(false))),
        (SchemaOr::Schemas, Value::Array(items)) => {
            let of = Kind::Object(&JSON_SCHEMA_PROPS);
            items
                .iter()
                .rev()
                .try_for_each(|item| scalar_or_message(writer, 2, of, Some(item)))?;
        }
        (SchemaOr::Strings, Value::Array(items)) => {
            items
                .iter()
                .rev()
                .try_for_each(|item| scalar_or_message(writer, 2, Kind::String, Some(item)))?;
        }
        _ => {}
    }
    Ok(())
}

fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn misfit(kind: Kind) -> EncodeError {
    EncodeError::Value {
        path: String::new(),
        kind: kind.go_name(),
    }
}

impl EncodeError {
    /// The same, found below a field.
    fn below(self, field: &str) -> Self {
        match self {
            Self::Unsupported => Self::Unsupported,
            Self::Value { path, kind } if path.is_empty() => Self::Value {
                path: field.to_owned(),
                kind,
            },
            Self::Value { path, kind } => Self::Value {
                path: format!("{field}.{path}"),
                kind,
            },
        }
    }
}
