//! An HTTP/2 connection, in one task of its own: it reads requests, answers those that are soon answered, and writes what it has to
//! say for all of them at once. What may take its time (watches, snapshots, large ranges) gets tasks of its own.
//!
//! A general server gives each request a task, tables of headers and a state machine. Here a request is a put, mostly, one of
//! hundreds that wait for the same write to the disk: its headers are the same bytes as those of the one before, its body is one
//! frame, and its answer is three frames of which two never change. That is most of what there is to save, and why this is no
//! library's.

mod frames;
mod headers;
mod huffman;
mod keep_alive;
mod outlet;
mod puts;
mod receiving;
mod relay;
#[cfg(test)]
mod tests;
mod unary;

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::CancellationToken;

use super::route::Routes;
use frames::*;
use keep_alive::KeepAlive;
use outlet::Outlet;
use puts::Puts;
use receiving::{Event, Open, Receiver};
use unary::{Answered, Taken};

/// What an HTTP/2 client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So many requests of one connection are open at once at most.
const MAX_STREAMS: u32 = 10_000;
/// What a client may send before it was taken: of one request, and of all.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// So much is read from the socket at once.
const READ_AT_ONCE: usize = 16 << 10;
/// After so many reads others get their turn.
const READS_IN_A_ROW: usize = 32;

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Http2Error {
    #[error(transparent)]
    Stream(#[from] io::Error),
    #[error("the client does not keep to HTTP/2: {0:?}")]
    Violation(Code),
    #[error("the client does not answer")]
    Silent,
}

/// Serves a connection until the client leaves or the server stops. `beginning` is what was read of it already, behind the
/// preface.
pub(super) async fn serve<S>(
    stream: S,
    beginning: BytesMut,
    routes: &Routes,
    shutdown: &CancellationToken,
) -> Result<(), Http2Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let outlet = Outlet::new();
    let mut served = Served {
        stream,
        incoming: beginning,
        receiver: Receiver::new(routes.clone(), outlet.clone()),
        outlet,
        puts: Puts::default(),
        calls: FuturesUnordered::new(),
        active: BTreeSet::new(),
        count: 0,
        keep_alive: KeepAlive::new(),
        is_blocked: false,
        is_leaving: false,
    };
    let ended = served.run(shutdown).await;
    // Whoever does not take it in is gone.
    let _ = served.stream.shutdown().await;
    ended
}

struct Served<S> {
    stream: S,
    incoming: BytesMut,
    receiver: Receiver,
    outlet: Arc<Outlet>,
    /// What has come and is not answered yet.
    puts: Puts,
    /// What is answered here.
    calls: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// The requests that these are, without those that were given up.
    active: BTreeSet<u32>,
    /// How many they are with those.
    count: usize,
    keep_alive: KeepAlive,
    /// Whether the client has not taken what was written last.
    is_blocked: bool,
    is_leaving: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Served<S> {
    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), Http2Error> {
        let settings = [
            (MAX_CONCURRENT_STREAMS, MAX_STREAMS),
            (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (MAX_HEADER_LIST_SIZE, receiving::HEADER_LIST),
        ];
        let settings = settings.map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
        self.outlet.frame(SETTINGS, 0, 0, &settings.concat());
        self.receiver.widen();
        let mut stopping = pin!(shutdown.cancelled());
        std::future::poll_fn(|cx| {
            if !self.is_leaving && stopping.as_mut().poll(cx).is_ready() {
                self.is_leaving = true;
                self.receiver.leave(Code::NoError);
            }
            self.poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Http2Error>> {
        self.outlet.register(cx.waker());
        loop {
            let was_readable = match self.receive(cx) {
                Ok(Poll::Ready(())) => {
                    // It may listen still.
                    let _ = self.write(cx);
                    return Poll::Ready(Ok(()));
                }
                Ok(Poll::Pending) => self.outlet.has_room(),
                Err(Http2Error::Violation(code)) => {
                    self.receiver.leave(code);
                    // As far as it can be told now.
                    let _ = self.write(cx);
                    return Poll::Ready(Err(Http2Error::Violation(code)));
                }
                Err(error) => return Poll::Ready(Err(error)),
            };
            if !self.puts.is_empty() {
                self.calls.push(self.puts.call(self.receiver.api()));
            }
            // All that can be answered now, before any of it is written.
            while let Poll::Ready(Some(answered)) = self.calls.poll_next_unpin(cx) {
                self.finish(answered);
            }
            if self.keep_alive.poll(&self.outlet, cx).is_ready() {
                return Poll::Ready(Err(Http2Error::Silent));
            }
            self.receiver.sweep();
            if self.write(cx)?.is_pending() {
                return Poll::Pending;
            }
            if self.is_leaving && self.is_idle() {
                return Poll::Ready(Ok(()));
            }
            if was_readable {
                return Poll::Pending;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.active.is_empty() && self.receiver.is_idle() && self.outlet.relays() == 0
    }

    /// Reads what there is, as long as there is room for what may have to be said of it. Ready when the client has left.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Http2Error> {
        // What was read before the connection was served.
        self.parse()?;
        for _ in 0..READS_IN_A_ROW {
            if !self.outlet.has_room() {
                return Ok(Poll::Pending);
            }
            self.incoming.reserve(READ_AT_ONCE);
            match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.incoming)? {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(0) => return Ok(Poll::Ready(())),
                Poll::Ready(_) => {
                    self.keep_alive.show();
                    self.parse()?;
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(Poll::Pending)
    }

    /// Takes all frames that are whole.
    fn parse(&mut self) -> Result<(), Http2Error> {
        let mut at = 0;
        while let Some(header) = FrameHeader::of(&self.incoming[at..]) {
            if header.length > MAX_FRAME {
                return Err(Http2Error::Violation(Code::FrameSize));
            }
            let start = at + FRAME_HEADER;
            let Some(payload) = self.incoming.get(start..start + header.length) else {
                break;
            };
            at = start + header.length;
            let open = Open {
                active: &self.active,
                count: self.count,
            };
            match self.receiver.frame(header, payload, &open) {
                Ok(Event::Nothing) => {}
                Ok(Event::GivenUp) => drop(self.active.remove(&header.stream)),
                Ok(Event::Taken(taken)) => {
                    self.active.insert(header.stream);
                    self.count += 1;
                    match taken {
                        Taken::Put(put) => self.puts.push(header.stream, put),
                        Taken::Call(call) => self.calls.push(call),
                    }
                }
                Err(code) => return Err(Http2Error::Violation(code)),
            }
        }
        bytes::Buf::advance(&mut self.incoming, at);
        Ok(())
    }

    fn finish(&mut self, answered: Answered) {
        let (active, outlet) = (&mut self.active, &self.outlet);
        match answered {
            Answered::One(answered) => {
                self.count -= 1;
                if active.remove(&answered.stream) {
                    answered.send(outlet);
                }
            }
            Answered::Puts(answered) => {
                self.count -= answered.count();
                answered.send(outlet, |stream| active.remove(&stream));
            }
        }
    }

    /// Writes what there is to say; ready when all of it is written.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut parts = self.outlet.waiting();
            if parts.is_empty() {
                return Pin::new(&mut self.stream).poll_flush(cx);
            }
            let mut all = 0;
            let ended = loop {
                if parts.is_empty() {
                    break Poll::Ready(Ok(()));
                }
                let (slices, count) = outlet::slices(&parts);
                let mut stream = Pin::new(&mut self.stream);
                let written = match &slices[..count] {
                    [only] => stream.as_mut().poll_write(cx, only),
                    several => stream.as_mut().poll_write_vectored(cx, several),
                };
                match written {
                    Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(written)) => {
                        if std::mem::take(&mut self.is_blocked) {
                            self.keep_alive.show();
                        }
                        all += written;
                        outlet::advance(&mut parts, written);
                    }
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.is_blocked = true;
                        break Poll::Pending;
                    }
                }
            };
            self.outlet.written(all, parts);
            ready!(ended)?;
        }
    }
}

impl<S> Drop for Served<S> {
    fn drop(&mut self) {
        self.outlet.close();
    }
}
