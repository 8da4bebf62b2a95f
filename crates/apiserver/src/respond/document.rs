//! Answers whose content is a small JSON tree.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::body::Body;
use crate::call::Response;
use crate::codec;
use crate::negotiate::{Encoding, Format, pretty};

/// A tree in a form. A tree that has no protobuf form goes out as JSON.
pub fn document(code: StatusCode, value: &Value, format: Format) -> Response {
    let (bytes, encoding) = match format.encoding {
        Encoding::Protobuf => match codec::to_protobuf(value) {
            Ok(bytes) => (bytes, Encoding::Protobuf),
            Err(_) => (codec::to_json(value), Encoding::Json),
        },
        Encoding::Yaml => (codec::to_yaml(value), Encoding::Yaml),
        Encoding::Json => (codec::to_json(value), Encoding::Json),
    };
    let bytes = if format.pretty && encoding == Encoding::Json {
        pretty::indent(&bytes)
    } else {
        bytes
    };
    with_bytes(code, encoding.media_type(), bytes)
}

/// Bytes of a media type.
pub fn with_bytes(code: StatusCode, media_type: &'static str, bytes: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(Body::full(bytes));
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
