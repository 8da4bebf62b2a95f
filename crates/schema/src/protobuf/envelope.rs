//! What stands around messages: the magic and `runtime.Unknown` of an object, the frame of a list, the head of a watch event.

use serde_json::Value;

use super::encode::encode_message;
use super::wire::{RawValue, Reader, Writer};
use super::{EncodeError, ProtobufError};
use crate::decode::TypeMeta;
use crate::generated::meta_v1::LIST_META;
use crate::reference::SchemaRef;

/// What every object begins with.
pub(super) const MAGIC: &[u8; 4] = b"k8s\0";

/// Numbers of the fields of `runtime.Unknown`.
mod unknown {
    pub const TYPE_META: u16 = 1;
    pub const RAW: u16 = 2;
}

/// Numbers of the fields of every list.
mod list {
    pub const METADATA: u16 = 1;
    pub const ITEMS: u16 = 2;
}

/// An object on the wire, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// What it says it is.
    pub type_meta: TypeMeta,
    /// Its message.
    pub raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// If the magic is missing, or what follows it is not as it should be.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        let message = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
        if message.is_empty() {
            return Err(ProtobufError::Empty);
        }
        let mut envelope = Self {
            type_meta: TypeMeta::default(),
            raw: &[],
        };
        let mut fields = Reader::new(message);
        while let Some(field) = fields.field()? {
            match (field.number, field.value) {
                (1, RawValue::Length(bytes)) => envelope.type_meta = type_meta(bytes)?,
                (2, RawValue::Length(bytes)) => envelope.raw = bytes,
                _ => {}
            }
        }
        Ok(envelope)
    }
}

fn type_meta(message: &[u8]) -> Result<TypeMeta, ProtobufError> {
    let mut type_meta = TypeMeta::default();
    let mut fields = Reader::new(message);
    while let Some(field) = fields.field()? {
        match (field.number, field.value) {
            (1, RawValue::Length(bytes)) => {
                type_meta.api_version = String::from_utf8_lossy(bytes).into_owned()
            }
            (2, RawValue::Length(bytes)) => type_meta.kind = String::from_utf8_lossy(bytes).into_owned(),
            _ => {}
        }
    }
    Ok(type_meta)
}

/// What stands before the message of an object that is `message_length` long: magic, type, and the message's length.
pub fn envelope_head(type_meta: &TypeMeta, message_length: usize) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.varint(message_length as u64);
    writer.tag(unknown::RAW, super::wire::WireType::Length);
    let before = writer.len();
    writer.length_delimited(2, type_meta.kind.as_bytes());
    writer.length_delimited(1, type_meta.api_version.as_bytes());
    writer.head(unknown::TYPE_META, before);
    writer.bytes(MAGIC);
    writer.finish()
}

/// What stands after it: that it has no content encoding and no content type.
pub fn envelope_tail() -> &'static [u8] {
    &[0x1a, 0, 0x22, 0]
}

/// A list strung together from the messages of its items.
#[derive(Clone, Debug)]
pub struct ListFrame {
    metadata: Vec<u8>,
}

impl ListFrame {
    /// A list with that `metadata`.
    ///
    /// # Errors
    /// If it is not that of a list.
    pub fn new(metadata: &Value) -> Result<Self, EncodeError> {
        let message = encode_message(metadata, SchemaRef::of_type(&LIST_META))?;
        let mut writer = Writer::default();
        writer.length_delimited(list::METADATA, &message);
        Ok(Self {
            metadata: writer.finish(),
        })
    }

    /// What stands before the first item, given the lengths of all items' messages. [`envelope_tail`] stands after the last.
    pub fn head(&self, type_meta: &TypeMeta, items: impl Iterator<Item = usize>) -> Vec<u8> {
        let items: usize = items.map(|length| Self::item_head(length).len() + length).sum();
        let mut head = envelope_head(type_meta, self.metadata.len() + items);
        head.extend_from_slice(&self.metadata);
        head
    }

    /// What stands before an item whose message is that long.
    pub fn item_head(message_length: usize) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.varint(message_length as u64);
        writer.tag(list::ITEMS, super::wire::WireType::Length);
        writer.finish()
    }
}

/// What stands before an object (envelope included) of that length in a stream of watch events: the length of the frame, the
/// event's type, the object's length. Nothing stands after it.
pub fn watch_event_head(event_type: &str, object_length: usize) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.varint(object_length as u64);
    writer.tag(1, super::wire::WireType::Length);
    let raw_extension_head = writer.len();
    writer.varint((raw_extension_head + object_length) as u64);
    writer.tag(2, super::wire::WireType::Length);
    writer.length_delimited(1, event_type.as_bytes());
    let frame = u32::try_from(writer.len() + object_length).unwrap_or(u32::MAX);
    writer.bytes(&frame.to_be_bytes());
    writer.finish()
}
