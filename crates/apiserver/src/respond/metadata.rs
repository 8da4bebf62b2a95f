//! Objects cut down to their metadata, without decoding them.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::negotiate::ViewVersion;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// The `metadata` of an object in JSON: a part of the same bytes.
pub fn metadata_of(json: &Bytes) -> Bytes {
    match serde_json::from_slice::<Envelope<'_>>(json) {
        Ok(envelope) => json.slice_ref(envelope.metadata.get().as_bytes()),
        Err(_) => Bytes::from_static(b"{}"),
    }
}

/// What stands before the metadata of a partial object.
pub fn partial_prefix(version: ViewVersion) -> &'static [u8] {
    match version {
        ViewVersion::V1 => br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#,
        ViewVersion::V1beta1 => {
            br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1beta1","metadata":"#
        }
    }
}

/// An object as a partial object, in JSON.
pub fn partial(json: &Bytes, version: ViewVersion) -> Bytes {
    let (prefix, metadata) = (partial_prefix(version), metadata_of(json));
    let mut partial = BytesMut::with_capacity(prefix.len() + metadata.len() + 1);
    partial.extend_from_slice(prefix);
    partial.extend_from_slice(&metadata);
    partial.extend_from_slice(b"}");
    partial.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_cut_out() {
        let json = Bytes::from_static(br#"{"kind":"X","spec":{"metadata":1},"metadata":{"name":"a"}}"#);
        let expected =
            r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a"}}"#;
        assert_eq!(partial(&json, ViewVersion::V1), expected);
    }
}
