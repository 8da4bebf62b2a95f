//! Requests that the services answer in a general way: any body, any number of messages.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::{Either, select};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tonic::body::Body;

use crate::server::route::Routes;

/// A part of an answer that is sent without asking for room: no more waits for the client than that.
pub(super) const SMALL: usize = 16 << 10;

/// Answers a request, until its client gives it up.
pub(super) async fn answer(routes: Routes, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let request = request.map(RequestBody);
    let response = {
        let answered = pin!(routes.answer(request));
        let given_up = pin!(poll_fn(|cx| respond.poll_reset(cx)));
        match select(answered, given_up).await {
            Either::Left((response, _)) => response,
            Either::Right(_) => return,
        }
    };
    // An error of the stream is the client's end of it.
    let _ = send(response, respond).await;
}

async fn send(response: Response<Body>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let (head, mut body) = response.into_parts();
    let is_all = body.is_end_stream();
    let mut stream = respond.send_response(Response::from_parts(head, ()), is_all)?;
    if is_all {
        return Ok(());
    }
    loop {
        let frame = {
            let next = pin!(body.frame());
            let given_up = pin!(poll_fn(|cx| stream.poll_reset(cx)));
            match select(next, given_up).await {
                Either::Left((frame, _)) => frame,
                Either::Right(_) => return Ok(()),
            }
        };
        // A body of the services never fails: what goes wrong is said in its trailers.
        let Some(Ok(frame)) = frame else {
            return stream.send_data(Bytes::new(), true);
        };
        match frame.into_data().map_err(Frame::into_trailers) {
            Ok(data) => send_data(&mut stream, data).await?,
            Err(Ok(trailers)) => return stream.send_trailers(trailers),
            Err(Err(_)) => {}
        }
    }
}

/// Sends as much at a time as the client takes.
pub(super) async fn send_data(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    if data.len() <= SMALL && stream.capacity() >= data.len() {
        return stream.send_data(data, false);
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let granted = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(granted) = granted else {
            return Err(h2::Reason::CANCEL.into());
        };
        let now = data.split_to(granted?.min(data.len()));
        stream.send_data(now, false)?;
    }
    Ok(())
}

/// The body of a request. What was read makes room for more.
struct RequestBody(RecvStream);

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let stream = &mut self.0;
        Poll::Ready(match ready!(stream.poll_data(cx)) {
            Some(Ok(data)) => {
                let released = stream.flow_control().release_capacity(data.len());
                Some(released.map(|()| Frame::data(data)))
            }
            Some(Err(error)) => Some(Err(error)),
            None => ready!(stream.poll_trailers(cx))
                .map(|trailers| trailers.map(Frame::trailers))
                .transpose(),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
