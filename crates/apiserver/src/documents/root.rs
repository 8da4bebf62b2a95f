//! `/`: the list of all paths.

use http::StatusCode;
use serde_json::{Value, json};

use crate::call::{Call, Response};
use crate::codec;
use crate::negotiate::Accept;
use crate::respond::document::with_bytes;
use crate::respond::status::{no_such_form, status};

/// Answers with a tree in JSON, whatever form the client would like.
pub fn paths(mut paths: Vec<String>) -> Response {
    paths.sort_unstable();
    paths.dedup();
    with_bytes(
        StatusCode::OK,
        "application/json",
        codec::to_json(&json!({ "paths": paths })),
    )
}

/// Answers with a tree in JSON, if the client takes it.
pub fn json_only(call: &Call, code: StatusCode, media_type: &'static str, value: &Value) -> Response {
    if !Accept::parse(call.accept().unwrap_or_default()).is_routed(&[media_type]) {
        return status(call, &no_such_form(&[media_type]));
    }
    with_bytes(code, media_type, codec::to_json(value))
}
