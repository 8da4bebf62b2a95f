//! Trees to bytes and back, in each encoding.

use bytes::Bytes;
use meta::{GroupVersion, Reason, Status, quote};
use registry::Object;
use schema::decode::TypeMeta;
use schema::{builtin, encode_protobuf};
use serde_json::Value;

/// JSON with a line end, as upstream ends its answers.
pub fn to_json(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    // Writing a tree of JSON into memory cannot fail.
    let _ = serde_json::to_writer(&mut bytes, value);
    bytes.push(b'\n');
    bytes
}

/// YAML.
pub fn to_yaml(value: &Value) -> Vec<u8> {
    schema::to_yaml(value).into_bytes()
}

/// Kubernetes protobuf, envelope included. An error for a kind that has no such form.
pub fn to_protobuf(value: &Value) -> Result<Vec<u8>, Status> {
    let refused = |why: String| Status::failure(406, Reason::NOT_ACCEPTABLE, why);
    let said = TypeMeta::of(value);
    // The oldest documents of discovery do not say their version.
    let version = match &*said.api_version {
        "" => "v1",
        version => version,
    };
    let version = GroupVersion::parse(version)
        .ok_or_else(|| refused(format!("{} has no protobuf form", quote(&said.api_version))))?;
    let kind = version.kind(said.kind);
    let schema = builtin(&kind).ok_or_else(|| refused(format!("{kind} has no protobuf form")))?;
    encode_protobuf(value, schema).map_err(|error| refused(error.to_string()))
}

/// The same of an object, encoded by the first who asks.
pub fn object_to_protobuf(object: &Object) -> Result<Bytes, Status> {
    object.protobuf(|object| to_protobuf(&object.tree()).map(Bytes::from))
}

/// JSON as a tree, for encodings that need one.
pub fn tree_of(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap_or_default()
}
