//! An HTTP/2 connection, in one task of its own: it reads requests, answers those that are soon answered, and writes what it has to
//! say for all of them at once. What may take its time (watches, snapshots, large ranges) gets tasks of its own.
//!
//! A general server gives each request a task. Here a request is a put, mostly, of which hundreds wait for the same write to the
//! disk: waking one task for a connection, and writing once, is most of what there is to save.

mod keep_alive;
mod relay;
mod unary;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::route::Routes;
use keep_alive::KeepAlive;
use unary::Unary;

/// So many requests of one connection are open at once at most.
const MAX_STREAMS: u32 = 10_000;
/// What a client may send before it was read: of one request, and of all.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// So much of an answer waits for a client that does not read.
const SEND_BUFFER: usize = 256 << 10;
/// Headers of a request are no larger.
const HEADER_LIST: u32 = 16 << 10;
/// So much is read from the socket at once.
const READ_BUFFER: usize = 16 << 10;

/// Serves a connection until the client leaves or the server stops. A handshake takes no longer than `handshake`.
pub(super) async fn serve<S>(
    stream: S,
    routes: &Routes,
    shutdown: &CancellationToken,
    handshake: Duration,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(HEADER_LIST);
    let stream = BufReader::with_capacity(READ_BUFFER, stream);
    let Ok(connection) = timeout(handshake, builder.handshake(stream)).await else {
        return Err(Reason::SETTINGS_TIMEOUT.into());
    };
    let mut connection = connection?;
    let keep_alive = connection.ping_pong().map(KeepAlive::new);
    let served = Served {
        connection,
        keep_alive,
        routes,
        calls: FuturesUnordered::new(),
    };
    served.run(shutdown).await
}

struct Served<'a, S> {
    connection: Connection<S, Bytes>,
    keep_alive: Option<KeepAlive>,
    routes: &'a Routes,
    /// What is answered here.
    calls: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Served<'_, S> {
    async fn run(mut self, shutdown: &CancellationToken) -> Result<(), h2::Error> {
        let mut stopping = pin!(shutdown.cancelled());
        let mut is_stopping = false;
        std::future::poll_fn(|cx| {
            if !is_stopping && stopping.as_mut().poll(cx).is_ready() {
                is_stopping = true;
                self.connection.graceful_shutdown();
            }
            self.poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            // Reads what there is, and writes what was answered.
            while let Poll::Ready(accepted) = self.connection.poll_accept(cx) {
                match accepted {
                    Some(Ok((request, respond))) => self.begin(request, respond),
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Ok(())),
                }
            }
            // All that can be answered now, before any of it is written.
            let mut is_answered = false;
            while let Poll::Ready(Some(())) = self.calls.poll_next_unpin(cx) {
                is_answered = true;
            }
            if !is_answered {
                break;
            }
        }
        match &mut self.keep_alive {
            Some(keep_alive) => keep_alive.poll(cx),
            None => Poll::Pending,
        }
    }

    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        match Unary::of(&request) {
            Some(unary) => {
                let api = self.routes.api().clone();
                self.calls
                    .push(Box::pin(unary.answer(api, request.into_body(), respond)));
            }
            None => {
                tokio::spawn(relay::answer(self.routes.clone(), request, respond));
            }
        }
    }
}
