//! A body that ends a request when it ends, or when nobody wants the rest.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use audit::Record;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::{Body, BoxError};

/// A body whose request is written about as long as it lives.
#[derive(Debug)]
pub struct Audited {
    body: Body,
    /// The last who lets go has the end written.
    _record: Arc<Record>,
}

impl Audited {
    /// The same body.
    pub fn new(body: Body, record: Arc<Record>) -> Self {
        Self {
            body,
            _record: record,
        }
    }
}

impl http_body::Body for Audited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
