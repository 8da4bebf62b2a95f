//! The last step of an answer: its head, and compression where it pays.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderValue, StatusCode};

use crate::body::{Body, Gzip};
use crate::call::{Call, Response};

/// Bodies up to this size are not compressed: it would cost more time than it saves.
const GZIP_FROM_BYTES: u64 = 128 << 10;

/// A body of a media type, compressed if it is large and the client takes that.
pub fn send(call: &Call, code: StatusCode, media_type: &'static str, body: Body) -> Response {
    let large = body.length().is_none_or(|length| length > GZIP_FROM_BYTES);
    let compress = large && call.header(ACCEPT_ENCODING).is_some_and(accepts_gzip);
    let mut response = Response::new(if compress {
        Body::stream(Gzip::new(body))
    } else {
        body
    });
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if compress {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// Whether `gzip` is among the accepted encodings, and not refused by `q=0`.
fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|encoding| {
        let mut parts = encoding.split(';').map(str::trim);
        let named = parts.next() == Some("gzip");
        named && !parts.any(|p| matches!(p, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::call;

    #[test]
    fn only_large_bodies_are_compressed_for_those_who_take_it() {
        for (size, accepted, expected) in [
            (1 << 20, "gzip, deflate", true),
            (1 << 20, "br;q=1.0, gzip;q=0.5", true),
            (1 << 20, "gzip;q=0", false),
            (1 << 20, "identity", false),
            (1 << 10, "gzip", false),
        ] {
            let call = call("GET", "/", &[("accept-encoding", accepted)]);
            let response = send(
                &call,
                StatusCode::OK,
                "application/json",
                Body::full(vec![b'x'; size]),
            );
            assert_eq!(
                response.headers().contains_key(CONTENT_ENCODING),
                expected,
                "{size} {accepted}"
            );
        }
    }
}
