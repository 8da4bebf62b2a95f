//! Answers.

use std::io;

use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde::Serialize;
use tokio::sync::mpsc::Receiver;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub type Reply = Response<Body>;

/// A body that is there as a whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body without content.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// The answer to HEAD, which over HTTP/2 nobody else takes the body from.
pub fn without_body(mut reply: Reply) -> Reply {
    let body = std::mem::replace(reply.body_mut(), empty());
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        let headers = reply.headers_mut();
        headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    reply
}

/// A text for people.
pub fn text(code: StatusCode, text: impl Into<String>) -> Reply {
    reply(
        code,
        HeaderValue::from_static("text/plain; charset=utf-8"),
        full(text.into()),
    )
}

/// Metrics in Prometheus' text form.
pub fn metrics(text: String) -> Reply {
    reply(
        StatusCode::OK,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        full(text),
    )
}

/// JSON.
pub fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => reply(
            StatusCode::OK,
            HeaderValue::from_static("application/json"),
            full(bytes),
        ),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Bytes that come in time.
pub fn stream(bytes: Receiver<Bytes>) -> Reply {
    let frames = stream::unfold(bytes, async |mut bytes| {
        let frame = Frame::data(bytes.recv().await?);
        Some((Ok(frame), bytes))
    });
    let body = StreamBody::new(frames).boxed_unsync();
    reply(StatusCode::OK, HeaderValue::from_static("text/plain"), body)
}

fn reply(code: StatusCode, content_type: HeaderValue, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = code;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_only_the_length_is_told() {
        let reply = without_body(text(StatusCode::UNAUTHORIZED, "Unauthorized"));
        assert_eq!(reply.headers()[CONTENT_LENGTH], "12");
        assert_eq!(http_body::Body::size_hint(reply.body()).exact(), Some(0));
    }
}
