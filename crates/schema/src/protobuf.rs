//! Kubernetes protobuf, driven by the type table.
//!
//! An object on the wire is a magic, then a `runtime.Unknown` that says what it is and holds its message. The message alone is
//! worth keeping: lists string messages of items together, so that an object is encoded once.

mod decode;
mod encode;
mod envelope;
mod wire;

use serde_json::Value;

use crate::decode::{MAX_OBJECTS, TypeMeta};
use crate::reference::SchemaRef;

pub use decode::decode_message;
pub use encode::encode_message;
pub use envelope::{Envelope, ListFrame, envelope_head, envelope_tail, watch_event_head};

/// Why an object has no protobuf form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The type has none at all (`Table`), or the schema is that of a custom resource.
    #[error(
        "object does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message"
    )]
    Unsupported,
    /// A value is not what its type says.
    #[error("{path}: cannot be encoded as {kind}")]
    Value {
        /// Where, as far as is known.
        path: String,
        /// What it should be.
        kind: String,
    },
}

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// The magic is missing.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Magic,
    /// Nothing follows the magic.
    #[error("empty body")]
    Empty,
    /// The bytes end within a field.
    #[error("unexpected EOF")]
    End,
    /// A number of more than 64 bits.
    #[error("proto: integer overflow")]
    Overflow,
    /// A field that is not of the type it should be.
    #[error("proto: wrong wireType = {found} for field {field}")]
    WireType {
        /// The field's name.
        field: &'static str,
        /// The wire type found.
        found: u8,
    },
    /// A tag that means nothing.
    #[error("proto: illegal tag {0}")]
    Tag(u64),
    /// Messages in messages beyond any sense.
    #[error("proto: exceeded max depth")]
    Depth,
    /// More objects in one than make sense.
    #[error("proto: more than {MAX_OBJECTS} objects in one")]
    Objects,
    /// A value whose own form is not met, in the words of its type.
    #[error("{0}")]
    Form(String),
    /// The type has no protobuf form.
    #[error(
        "object does not implement the protobuf marshalling interface and cannot be decoded from a protobuf message"
    )]
    Unsupported,
}

/// The whole wire form of an object that says what it is (`apiVersion` and `kind`).
///
/// # Errors
/// If its type has no protobuf form, or it was not decoded against `schema`.
pub fn encode_protobuf(object: &Value, schema: SchemaRef<'_>) -> Result<Vec<u8>, EncodeError> {
    let message = encode_message(object, schema)?;
    let head = envelope_head(&TypeMeta::of(object), message.len());
    Ok([&head, message.as_slice(), envelope_tail()].concat())
}

/// The object in a whole wire form, as [`crate::decode_json`] would give it.
///
/// # Errors
/// If the bytes are not of that form.
pub fn decode_protobuf(bytes: &[u8], schema: SchemaRef<'_>) -> Result<Value, ProtobufError> {
    let envelope = Envelope::parse(bytes)?;
    match decode_message(envelope.raw, schema)? {
        Value::Object(object) => Ok(Value::Object(envelope.type_meta.put_into(object))),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests;
