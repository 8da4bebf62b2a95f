//! As much of Kubernetes' protobuf framing as lists and watches need to string encoded objects together: the envelope
//! (`runtime.Unknown`), lists and watch events.

use bytes::{BufMut, Bytes, BytesMut};

/// What every enveloped object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The end of an envelope: empty content encoding and content type, which upstream writes out.
pub const ENVELOPE_END: &[u8] = &[0x1a, 0, 0x22, 0];

/// Metadata of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListMeta<'a> {
    /// The version of the list.
    pub resource_version: &'a str,
    /// Empty on the last page.
    pub continue_token: &'a str,
    /// How many objects follow.
    pub remaining: Option<u64>,
}

/// Everything of an enveloped list that stands before its items, which will take `items_length` bytes.
pub fn list_head(api_version: &str, kind: &str, meta: &ListMeta<'_>, items_length: usize) -> Vec<u8> {
    let mut type_meta = Vec::new();
    put_bytes(&mut type_meta, 1, api_version.as_bytes());
    put_bytes(&mut type_meta, 2, kind.as_bytes());
    let mut list_meta = Vec::new();
    put_bytes(&mut list_meta, 1, b"");
    put_bytes(&mut list_meta, 2, meta.resource_version.as_bytes());
    put_bytes(&mut list_meta, 3, meta.continue_token.as_bytes());
    if let Some(remaining) = meta.remaining {
        list_meta.push(4 << 3);
        put_varint(&mut list_meta, remaining);
    }
    let mut list = Vec::new();
    put_bytes(&mut list, 1, &list_meta);
    let mut head = MAGIC.to_vec();
    put_bytes(&mut head, 1, &type_meta);
    put_head(&mut head, 2, list.len() + items_length);
    head.extend_from_slice(&list);
    head
}

/// What stands before an item of a list.
pub fn item_head(length: usize) -> Bytes {
    let mut head = Vec::with_capacity(6);
    put_head(&mut head, 2, length);
    head.into()
}

/// The message inside an enveloped object: a part of the same bytes.
pub fn message_in(enveloped: &Bytes) -> Option<Bytes> {
    let mut rest = enveloped.strip_prefix(MAGIC)?;
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let field = rest.get(..length)?;
        if key == (2 << 3 | 2) {
            return Some(enveloped.slice_ref(field));
        }
        rest = &rest[length..];
    }
    None
}

/// Appends a watch event with its length, as watches are framed.
pub fn put_event(out: &mut BytesMut, kind: &str, enveloped: &[u8]) {
    let mut object = Vec::with_capacity(6);
    put_head(&mut object, 1, enveloped.len());
    let mut event = Vec::with_capacity(kind.len() + 16);
    put_bytes(&mut event, 1, kind.as_bytes());
    put_head(&mut event, 2, object.len() + enveloped.len());
    event.extend_from_slice(&object);
    out.put_u32(u32::try_from(event.len() + enveloped.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&event);
    out.extend_from_slice(enveloped);
}

fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    put_head(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// The key and length of a field of bytes.
fn put_head(out: &mut Vec<u8>, number: u8, length: usize) {
    out.push(number << 3 | 2);
    put_varint(out, length as u64);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_an_object_of_its_items() {
        let meta = ListMeta {
            resource_version: "5",
            continue_token: "",
            remaining: Some(300),
        };
        let item = Bytes::from(vec![b'x'; 200]);
        let items = [&item_head(item.len())[..], &item[..]].concat();
        let mut list = list_head("v1", "PodList", &meta, items.len());
        list.extend_from_slice(&items);
        list.extend_from_slice(ENVELOPE_END);
        let message = message_in(&Bytes::from(list)).expect("a message");
        assert!(message.ends_with(&items));
        let list_meta = [b"\x0a\x00\x12\x015\x1a\x00\x20".as_slice(), &[0xac, 0x02]].concat();
        assert_eq!(&message[2..2 + list_meta.len()], &list_meta[..]);
    }

    #[test]
    fn broken_envelopes_have_no_message() {
        for bytes in [
            &b"json"[..],
            b"k8s\0",
            b"k8s\0\x0a\xff",
            b"k8s\0\x12\x05ab",
            b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(message_in(&Bytes::copy_from_slice(bytes)), None);
        }
    }

    #[test]
    fn events_are_framed_by_length() {
        let mut out = BytesMut::new();
        put_event(&mut out, "ADDED", b"k8s\0");
        assert_eq!(&out[..], b"\0\0\0\x0f\x0a\x05ADDED\x12\x06\x0a\x04k8s\0");
    }
}
