//! The body of a request, from the network or from a component in this process.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use meta::{Reason, Status};
use parking_lot::Mutex;

use crate::body::BoxError;

/// Bytes a body may have at most, as upstream limits them.
pub const MAX_BODY_BYTES: usize = 3 << 20;

/// Bytes of an unwanted body that are read for the sake of its connection.
const MAX_DRAINED_BYTES: usize = 256 << 10;
/// How long they may take.
const DRAIN_WITHIN: Duration = Duration::from_millis(500);

/// The body of a request.
#[derive(Debug, Default)]
pub enum IncomingBody {
    /// None, or taken already.
    #[default]
    Empty,
    /// From a connection.
    Network(Incoming),
    /// From a component in this process. The mutex makes calls shareable though such bodies are not; nobody else ever holds
    /// it.
    Local(Mutex<UnsyncBoxBody<Bytes, BoxError>>),
}

impl IncomingBody {
    /// A body from a component in this process.
    pub fn local<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Local(Mutex::new(body.map_err(Into::into).boxed_unsync()))
    }
}

impl http_body::Body for IncomingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Network(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Local(body) => Pin::new(body.get_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Network(body) => body.is_end_stream(),
            Self::Local(body) => body.lock().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Network(body) => body.size_hint(),
            Self::Local(body) => body.lock().size_hint(),
        }
    }
}

/// Reads what is left of a body that nobody wanted, so that the connection can be used again: a client may still be writing
/// it when it is answered. Says whether the end was reached: a client that sends much, or slowly, has to connect anew.
pub async fn drain(body: &mut IncomingBody) -> bool {
    let all = async {
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.ok()?.data_ref().map_or(0, Bytes::len);
            if bytes > MAX_DRAINED_BYTES {
                return None;
            }
        }
        Some(())
    };
    matches!(tokio::time::timeout(DRAIN_WITHIN, all).await, Ok(Some(())))
}

/// Reads a body to its end; 413 if it has more than `limit` bytes. A body that comes in one piece is not copied.
pub async fn read_all(body: &mut IncomingBody, limit: usize) -> Result<Bytes, Status> {
    if http_body::Body::size_hint(&*body).lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::bad_request(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
        if first.len().max(joined.len()) > limit {
            return Err(too_large(limit));
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn too_large(limit: usize) -> Status {
    Status::failure(
        413,
        Reason::REQUEST_ENTITY_TOO_LARGE,
        format!("Request entity too large: limit is {limit}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};

    fn chunks(parts: &[&'static str]) -> IncomingBody {
        let frames: Vec<Result<Frame<Bytes>, BoxError>> = parts
            .iter()
            .map(|p| Ok(Frame::data(Bytes::from_static(p.as_bytes()))))
            .collect();
        IncomingBody::local(StreamBody::new(futures::stream::iter(frames)))
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        assert_eq!(read_all(&mut IncomingBody::Empty, 3).await.expect("a body"), "");
        assert_eq!(
            read_all(&mut chunks(&["a", "b", "c"]), 3).await.expect("a body"),
            "abc"
        );
        let error = read_all(&mut chunks(&["ab", "cd"]), 3)
            .await
            .expect_err("too large");
        assert_eq!(
            (error.code, error.message.as_str()),
            (413, "Request entity too large: limit is 3")
        );
        let mut whole = IncomingBody::local(Full::new(Bytes::from_static(b"abcd")));
        assert_eq!(read_all(&mut whole, 3).await.expect_err("too large").code, 413);
    }

    #[tokio::test]
    async fn unwanted_bodies_are_read_within_limits() {
        assert!(drain(&mut IncomingBody::Empty).await);
        let mut small = chunks(&["a", "b"]);
        assert!(drain(&mut small).await);
        assert!(small.frame().await.is_none());
        let mut large = IncomingBody::local(Full::new(Bytes::from(vec![0; MAX_DRAINED_BYTES + 1])));
        assert!(!drain(&mut large).await);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let pending = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, BoxError>>());
        assert!(!drain(&mut IncomingBody::local(pending)).await);
    }
}
