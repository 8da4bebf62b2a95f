//! Trees to bytes and back, in each encoding.

use bytes::Bytes;
use meta::Status;
use registry::Object;
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
    serde_saphyr::to_string(value).map_or_else(|_| to_json(value), String::into_bytes)
}

/// Kubernetes protobuf, envelope included. An error for a kind that has no such form.
pub fn to_protobuf(_value: &Value) -> Result<Vec<u8>, Status> {
    Err(Status::internal("protobuf is not there yet"))
}

/// The same of an object, encoded by the first who asks.
pub fn object_to_protobuf(object: &Object) -> Result<Bytes, Status> {
    let encoded = object.protobuf(|object| to_protobuf(&object.tree()).map(Bytes::from));
    encoded.cloned()
}

/// JSON as a tree, for encodings that need one.
pub fn tree_of(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap_or_default()
}
