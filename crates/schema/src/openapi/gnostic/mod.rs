//! The protobuf form of OpenAPI documents: the messages of gnostic, which older clients ask for.
//!
//! A document is first made in JSON; which field of which message a member of it becomes stands in two tables.

#[cfg(test)]
mod tests;
mod v2;
mod v3;

use serde_json::{Map, Value};

/// The version 2 document in protobuf.
pub(super) fn v2_document(json: &Value) -> Vec<u8> {
    encode(&v2::DOCUMENT, json)
}

/// A version 3 document in protobuf.
pub(super) fn v3_document(json: &Value) -> Vec<u8> {
    encode(&v3::DOCUMENT, json)
}

/// How a value of JSON stands in a field.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Flag,
    Integer,
    Double,
    /// Whatever it is, as text in a message of its own.
    Any,
    Message(&'static Message),
    /// One field for each item.
    Each(&'static Form),
    /// A message with this one field.
    Wrapped(u16, &'static Form),
    /// A message in which this field stands once for each member: its name and its value.
    Named(u16, &'static Form),
    /// A message with one of several fields, by what the value is; none for what has no form.
    OneOf(fn(&Value) -> Option<(u16, Form)>),
}

/// A message.
struct Message {
    /// The members that have fields of their own.
    fields: &'static [(&'static str, u16, Form)],
    /// The field for members whose names begin with `x-`.
    extensions: u16,
    /// The field for all others.
    others: Option<(u16, Form)>,
}

/// Numbers of the fields of a pair of name and value.
const NAME: u16 = 1;
const VALUE: u16 = 2;
/// Number of the field with the text of a value of any type.
const YAML: u16 = 2;

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;

fn encode(message: &Message, json: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    if let Value::Object(members) = json {
        write_members(message, members, &mut out);
    }
    out
}

fn write_members(message: &Message, members: &Map<String, Value>, out: &mut Vec<u8>) {
    for (name, number, form) in message.fields {
        if let Some(value) = members.get(*name) {
            write(*number, *form, value, out);
        }
    }
    for (name, value) in members {
        if message.fields.iter().any(|(known, ..)| known == name) {
            continue;
        }
        if name.starts_with("x-") {
            write_pair(message.extensions, name, Form::Any, value, out);
        } else if let Some((number, form)) = message.others {
            write_pair(number, name, form, value, out);
        }
    }
}

fn write(number: u16, form: Form, value: &Value, out: &mut Vec<u8>) {
    match (form, value) {
        (Form::Text, Value::String(text)) if !text.is_empty() => bytes(number, text.as_bytes(), out),
        (Form::Flag, Value::Bool(true)) => {
            tag(number, VARINT, out);
            varint(1, out);
        }
        (Form::Integer, _) => {
            if let Some(integer) = value.as_i64().filter(|integer| *integer != 0) {
                tag(number, VARINT, out);
                varint(integer.cast_unsigned(), out);
            }
        }
        (Form::Double, _) => {
            if let Some(double) = value.as_f64().filter(|double| *double != 0.0) {
                tag(number, FIXED_64, out);
                out.extend_from_slice(&double.to_le_bytes());
            }
        }
        (Form::Any, _) => nested(number, out, |inner| {
            // JSON is YAML.
            bytes(YAML, format!("{value}\n").as_bytes(), inner);
        }),
        (Form::Message(message), Value::Object(members)) => {
            nested(number, out, |inner| write_members(message, members, inner));
        }
        (Form::Each(form), Value::Array(items)) => {
            items.iter().for_each(|item| write(number, *form, item, out));
        }
        (Form::Wrapped(inside, form), _) => nested(number, out, |inner| write(inside, *form, value, inner)),
        (Form::Named(inside, form), Value::Object(members)) => nested(number, out, |inner| {
            for (name, value) in members {
                write_pair(inside, name, *form, value, inner);
            }
        }),
        (Form::OneOf(choose), _) => {
            if let Some((inside, form)) = choose(value) {
                nested(number, out, |inner| write_chosen(inside, form, value, inner));
            }
        }
        _ => {}
    }
}

/// The chosen field of several stands there even with its zero value.
fn write_chosen(number: u16, form: Form, value: &Value, out: &mut Vec<u8>) {
    match (form, value) {
        (Form::Text, Value::String(text)) => bytes(number, text.as_bytes(), out),
        (Form::Flag, Value::Bool(flag)) => {
            tag(number, VARINT, out);
            varint(u64::from(*flag), out);
        }
        (Form::Double, Value::Number(double)) => {
            tag(number, FIXED_64, out);
            out.extend_from_slice(&double.as_f64().unwrap_or(0.0).to_le_bytes());
        }
        _ => write(number, form, value, out),
    }
}

fn write_pair(number: u16, name: &str, form: Form, value: &Value, out: &mut Vec<u8>) {
    nested(number, out, |pair| {
        bytes(NAME, name.as_bytes(), pair);
        write(VALUE, form, value, pair);
    });
}

fn nested(number: u16, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    bytes(number, &inner, out);
}

fn bytes(number: u16, bytes: &[u8], out: &mut Vec<u8>) {
    tag(number, LENGTH, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn tag(number: u16, wire_type: u64, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | wire_type, out);
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    loop {
        // The low seven bits.
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
