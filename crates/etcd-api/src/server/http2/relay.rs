//! Requests that the services answer in a general way: any body, any number of messages.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::{Either, select};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::body::Body;

use super::frames::Code;
use super::headers::{encode_head, encode_trailers};
use super::outlet::{Answering, Gone, Outlet};
use crate::server::route::Routes;

/// When so much of a request was taken, its client is told that it may send more.
const TOLD_AFTER: usize = super::STREAM_WINDOW as usize / 4;

/// Answers a request, until its client gives it up.
pub(super) async fn answer(routes: Routes, request: Request<RequestBody>, mut answering: Answering) {
    let response = {
        let answered = pin!(routes.answer(request));
        let gone = pin!(poll_fn(|cx| answering.poll_gone(cx)));
        match select(answered, gone).await {
            Either::Left((response, _)) => response,
            Either::Right(_) => return,
        }
    };
    // Nobody needs to be told that the client has gone.
    let _ = send(response, &mut answering).await;
}

async fn send(response: Response<Body>, answering: &mut Answering) -> Result<(), Gone> {
    let (head, mut body) = response.into_parts();
    let is_all = body.is_end_stream();
    answering.headers(&encode_head(head.status, &head.headers), is_all)?;
    if is_all {
        return Ok(());
    }
    loop {
        let frame = {
            let next = pin!(body.frame());
            let gone = pin!(poll_fn(|cx| answering.poll_gone(cx)));
            match select(next, gone).await {
                Either::Left((frame, _)) => frame,
                Either::Right(_) => return Err(Gone),
            }
        };
        // A body of the services never fails: what goes wrong is said in its trailers.
        let Some(Ok(frame)) = frame else {
            return answering.end();
        };
        match frame.into_data().map_err(Frame::into_trailers) {
            Ok(mut data) => poll_fn(|cx| answering.poll_data(&mut data, cx)).await?,
            Err(Ok(trailers)) => return answering.headers(&encode_trailers(&trailers), true),
            Err(Err(_)) => {}
        }
    }
}

/// The body of a request. What was taken makes room for more.
pub(super) struct RequestBody {
    stream: u32,
    received: UnboundedReceiver<Bytes>,
    outlet: Arc<Outlet>,
    /// How much of it was received and not taken.
    held: Arc<AtomicUsize>,
    taken: usize,
}

/// Where the parts of a [body](RequestBody) go. It ends when this is dropped.
pub(super) struct Inlet {
    parts: UnboundedSender<Bytes>,
    held: Arc<AtomicUsize>,
}

impl Inlet {
    /// Adds a part. A client that sends more than it may is refused.
    pub(super) fn push(&self, part: &[u8], outlet: &Outlet) -> Result<(), Code> {
        let before = self.held.fetch_add(part.len(), Ordering::Relaxed);
        if before + part.len() > super::STREAM_WINDOW as usize {
            return Err(Code::FlowControl);
        }
        outlet.held.fetch_add(part.len(), Ordering::Relaxed);
        if self.parts.send(Bytes::copy_from_slice(part)).is_err() {
            // Nobody wants it.
            outlet.release(part.len());
        }
        Ok(())
    }
}

impl RequestBody {
    /// The body of a request.
    pub(super) fn new(stream: u32, outlet: Arc<Outlet>) -> (Inlet, Self) {
        let (parts, received) = unbounded_channel();
        let held = Arc::new(AtomicUsize::new(0));
        let inlet = Inlet {
            parts,
            held: held.clone(),
        };
        let body = Self {
            stream,
            received,
            outlet,
            held,
            taken: 0,
        };
        (inlet, body)
    }

    fn take(&mut self, bytes: usize) {
        self.outlet.release(bytes);
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.taken += bytes;
        if self.taken >= TOLD_AFTER {
            let more = u32::try_from(std::mem::take(&mut self.taken)).unwrap_or_default();
            self.outlet.grant(self.stream, more);
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let data = ready!(self.received.poll_recv(cx));
        Poll::Ready(data.map(|data| {
            self.take(data.len());
            Ok(Frame::data(data))
        }))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.received.close();
        while let Ok(data) = self.received.try_recv() {
            self.outlet.release(data.len());
        }
    }
}
