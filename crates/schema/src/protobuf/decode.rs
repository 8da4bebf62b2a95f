//! From a message to a tree, just as decoding JSON would give it.

use std::cell::Cell;

use meta::{Duration, GroupVersion, MicroTime, Time};
use serde_json::{Map, Number, Value};

use super::envelope::MAGIC;
use super::wire::{RawValue, Reader};
use super::{Envelope, ProtobufError};
use crate::decode::MAX_OBJECTS;
use crate::forms::{self, base64};
use crate::generated::apiextensions_v1::JSON_SCHEMA_PROPS;
use crate::kinds::builtin;
use crate::reference::SchemaRef;
use crate::table::{Embedded, Field, Kind, SchemaOr, Type};
use crate::zero::{absent, is_left_out, present, zero};

/// Messages may nest no deeper, as JSON may not.
const MAX_DEPTH: usize = 127;

/// The object in a message. What stands around it, and so what it says it is, is not part of it.
///
/// # Errors
/// If the type has no protobuf form, or the bytes are no message of it.
pub fn decode_message(message: &[u8], schema: SchemaRef<'_>) -> Result<Value, ProtobufError> {
    match schema.kind() {
        Kind::Object(of) if of.message => object(of, message, Bounds::new(&Cell::new(0))).map(Value::Object),
        _ => Err(ProtobufError::Unsupported),
    }
}

/// How deep a message is nested, and how much was made of the whole.
#[derive(Clone, Copy)]
struct Bounds<'a> {
    depth: usize,
    objects: &'a Cell<usize>,
}

impl<'a> Bounds<'a> {
    fn new(objects: &'a Cell<usize>) -> Self {
        Self { depth: 0, objects }
    }

    fn deeper(self) -> Result<Self, ProtobufError> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(ProtobufError::Depth);
        }
        Ok(Self { depth, ..self })
    }

    fn count_object(self) -> Result<(), ProtobufError> {
        self.objects.set(self.objects.get() + 1);
        if self.objects.get() > MAX_OBJECTS {
            return Err(ProtobufError::Objects);
        }
        Ok(())
    }
}

fn object(
    of: &'static Type,
    message: &[u8],
    bounds: Bounds<'_>,
) -> Result<Map<String, Value>, ProtobufError> {
    bounds.count_object()?;
    let mut object = Map::new();
    fields(of, message, &mut object, bounds)?;
    for field in of.fields.iter().filter(|field| !is_left_out(field)) {
        if !object.contains_key(field.name)
            && let Some(value) = absent(field)
        {
            object.insert(field.name.to_owned(), value);
        }
    }
    Ok(object)
}

/// Reads a message's fields into an object, those of embedded messages too.
fn fields(
    of: &'static Type,
    message: &[u8],
    object: &mut Map<String, Value>,
    bounds: Bounds<'_>,
) -> Result<(), ProtobufError> {
    let mut reader = Reader::new(message);
    while let Some(raw) = reader.field()? {
        if let Some(field) = field_of(of, raw.number) {
            // Lists and maps come piece by piece.
            let given = match field.kind {
                Kind::List(_) | Kind::Map(_) => object.remove(field.name),
                _ => None,
            };
            let mut value = field_value(field, raw.value, given, bounds)?;
            if of.counts_resources(field) {
                let amounts = value.as_object_mut().into_iter().flatten();
                amounts.for_each(|(_, amount)| forms::to_thousandths(amount));
            }
            if let Some(value) = present(field, value) {
                object.insert(field.name.to_owned(), value);
            }
        } else if let (Some(embedded), RawValue::Length(message)) = (embedded_of(of, raw.number), raw.value) {
            fields(embedded.of, message, object, bounds.deeper()?)?;
        }
    }
    Ok(())
}

fn field_of(of: &'static Type, number: u64) -> Option<&'static Field> {
    let field = |index: u8| &of.fields[usize::from(index)];
    let found = of
        .by_number
        .binary_search_by(|&index| u64::from(field(index).number).cmp(&number))
        .ok()?;
    Some(field(of.by_number[found]))
}

fn embedded_of(of: &'static Type, number: u64) -> Option<&'static Embedded> {
    of.embedded.iter().find(|inner| u64::from(inner.number) == number)
}

/// The value of a field, given what the message has said of it before.
fn field_value(
    field: &'static Field,
    raw: RawValue<'_>,
    given: Option<Value>,
    bounds: Bounds<'_>,
) -> Result<Value, ProtobufError> {
    let wrong = || ProtobufError::WireType {
        field: field.name,
        found: raw.wire_type().number(),
    };
    match field.kind {
        Kind::List(of) => {
            let mut items = match given {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            match (of, raw) {
                (Kind::Int32 | Kind::Int64 | Kind::Bool, RawValue::Length(packed)) => {
                    let mut numbers = Reader::new(packed);
                    while !numbers.is_empty() {
                        let number = RawValue::Varint(numbers.varint()?);
                        items.push(value(*of, number, bounds)?.ok_or_else(wrong)?);
                    }
                }
                _ => items.push(value(*of, raw, bounds)?.ok_or_else(wrong)?),
            }
            Ok(Value::Array(items))
        }
        Kind::Map(of) => {
            let mut entries = match given {
                Some(Value::Object(entries)) => entries,
                _ => Map::new(),
            };
            let RawValue::Length(entry) = raw else {
                return Err(wrong());
            };
            let (key, value) = map_entry(*of, entry, bounds)?.ok_or_else(wrong)?;
            entries.insert(key, value);
            Ok(Value::Object(entries))
        }
        kind => value(kind, raw, bounds)?.ok_or_else(wrong),
    }
}

fn map_entry(of: Kind, entry: &[u8], bounds: Bounds<'_>) -> Result<Option<(String, Value)>, ProtobufError> {
    let (mut key, mut found) = (String::new(), None);
    let mut reader = Reader::new(entry);
    while let Some(raw) = reader.field()? {
        match (raw.number, raw.value) {
            (1, RawValue::Length(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
            (2, raw) => match value(of, raw, bounds)? {
                Some(value) => found = Some(value),
                None => return Ok(None),
            },
            _ => {}
        }
    }
    Ok(Some((key, found.unwrap_or_else(|| zero(of)))))
}

/// A value of that kind; none if it is not laid out as the kind is.
fn value(kind: Kind, raw: RawValue<'_>, bounds: Bounds<'_>) -> Result<Option<Value>, ProtobufError> {
    Ok(Some(match (kind, raw) {
        (Kind::Bool, RawValue::Varint(number)) => Value::Bool(number != 0),
        // As in Go, the lower half counts.
        #[allow(clippy::cast_possible_truncation)]
        (Kind::Int32, RawValue::Varint(number)) => Value::from(number as i32),
        (Kind::Int64, RawValue::Varint(number)) => Value::from(number.cast_signed()),
        (Kind::Float64, RawValue::Fixed64(bytes)) => float(f64::from_le_bytes(bytes)),
        (Kind::String, RawValue::Length(bytes)) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        (Kind::Bytes, RawValue::Length(bytes)) => Value::String(base64::to_text(bytes)),
        (Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::String | Kind::Bytes, _) => {
            return Ok(None);
        }
        (kind, RawValue::Length(message)) => body(kind, message, bounds.deeper()?)?,
        _ => return Ok(None),
    }))
}

/// A floating-point number as Go writes it in JSON: whole numbers without a fraction.
fn float(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// What is a message of its own.
fn body(kind: Kind, message: &[u8], bounds: Bounds<'_>) -> Result<Value, ProtobufError> {
    let scalar = |number| scalar_field(message, number);
    Ok(match kind {
        Kind::Object(of) => Value::Object(object(of, message, bounds)?),
        Kind::Quantity => {
            let text = text(scalar(1)?);
            let text = if text.is_empty() { "0".to_owned() } else { text };
            Value::String(forms::quantity(&text).map_err(ProtobufError::Form)?.into_owned())
        }
        Kind::IntOrString => match integer(scalar(1)?) {
            1 => Value::String(text(scalar(3)?)),
            _ => Value::from(integer(scalar(2)?)),
        },
        Kind::Duration => Value::from(Duration::from_nanos(integer(scalar(1)?)).to_string()),
        Kind::Time | Kind::MicroTime if message.is_empty() => Value::Null,
        Kind::Time => Value::from(Time::from_seconds(integer(scalar(1)?)).to_string()),
        Kind::MicroTime => {
            let micros = integer(scalar(1)?)
                .saturating_mul(1_000_000)
                .saturating_add(integer(scalar(2)?) / 1000);
            Value::from(MicroTime::from_micros(micros).to_string())
        }
        Kind::RawExtension | Kind::Fields | Kind::Json => match scalar(1)? {
            Some(RawValue::Length(bytes)) if !bytes.is_empty() => any(bytes, bounds)?,
            _ => Value::Null,
        },
        Kind::SchemaOr(or) => schema_or(or, message, bounds)?,
        Kind::WrappedList(of) => {
            let mut items = Vec::new();
            let mut reader = Reader::new(message);
            while let Some(raw) = reader.field()? {
                if raw.number == 1 {
                    items.extend(value(*of, raw.value, bounds)?);
                }
            }
            Value::Array(items)
        }
        _ => return Err(ProtobufError::Unsupported),
    })
}

/// The last field of that number in a message.
fn scalar_field(message: &[u8], number: u64) -> Result<Option<RawValue<'_>>, ProtobufError> {
    let mut found = None;
    let mut reader = Reader::new(message);
    while let Some(raw) = reader.field()? {
        if raw.number == number {
            found = Some(raw.value);
        }
    }
    Ok(found)
}

fn integer(raw: Option<RawValue<'_>>) -> i64 {
    match raw {
        Some(RawValue::Varint(number)) => number.cast_signed(),
        _ => 0,
    }
}

fn text(raw: Option<RawValue<'_>>) -> String {
    match raw {
        Some(RawValue::Length(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// Any object: JSON, or an object of a built-in kind in protobuf.
fn any(bytes: &[u8], bounds: Bounds<'_>) -> Result<Value, ProtobufError> {
    if !bytes.starts_with(MAGIC) {
        return serde_json::from_slice(bytes).map_err(|error| ProtobufError::Form(error.to_string()));
    }
    let envelope = Envelope::parse(bytes)?;
    let kind = GroupVersion::parse(&envelope.type_meta.api_version)
        .and_then(|group_version| builtin(&group_version.kind(envelope.type_meta.kind.clone())))
        .map(SchemaRef::kind);
    match kind {
        Some(Kind::Object(of)) if of.message => {
            let object = object(of, envelope.raw, bounds.deeper()?)?;
            Ok(Value::Object(envelope.type_meta.put_into(object)))
        }
        _ => Err(ProtobufError::Unsupported),
    }
}

fn schema_or(or: SchemaOr, message: &[u8], bounds: Bounds<'_>) -> Result<Value, ProtobufError> {
    let schema_number = match or {
        SchemaOr::Bool => 2,
        SchemaOr::Schemas | SchemaOr::Strings => 1,
    };
    let mut schema = None;
    let mut allows = false;
    let mut items = Vec::new();
    let mut reader = Reader::new(message);
    while let Some(raw) = reader.field()? {
        match (raw.number, raw.value) {
            (number, RawValue::Length(message)) if number == schema_number => {
                schema = Some(Value::Object(object(
                    &JSON_SCHEMA_PROPS,
                    message,
                    bounds.deeper()?,
                )?));
            }
            (1, RawValue::Varint(number)) => allows = number != 0,
            (2, raw) => {
                let of = if or == SchemaOr::Strings {
                    Kind::String
                } else {
                    Kind::Object(&JSON_SCHEMA_PROPS)
                };
                items.extend(value(of, raw, bounds)?);
            }
            _ => {}
        }
    }
    Ok(match (or, schema) {
        (SchemaOr::Schemas | SchemaOr::Strings, _) if !items.is_empty() => Value::Array(items),
        (_, Some(schema)) => schema,
        (SchemaOr::Bool, None) => Value::Bool(allows),
        (SchemaOr::Schemas | SchemaOr::Strings, None) => Value::Null,
    })
}
