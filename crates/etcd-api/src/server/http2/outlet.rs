//! What a connection has to say: frames that wait to be written, and how much more the client takes.
//!
//! Whoever answers puts frames in here, from any task; the connection's task writes them, all that there are at once. Large
//! answers wait here for room.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::{Mutex, MutexGuard};

use super::frames::*;

/// So much of large answers waits for a client that does not read.
const MAX_WAITING: usize = 256 << 10;
/// With so much waiting, nothing is read that might have to be answered. It is more, so that a client which reads slowly can
/// say that it is there.
const TOO_MUCH_WAITING: usize = 2 * MAX_WAITING;
/// Payloads from this size on are written from where they are.
const SHARED_FROM: usize = 4 << 10;
/// How much a client takes before it says more.
const FIRST_WINDOW: i64 = 65_535;
/// No window may become larger.
const MAX_WINDOW: i64 = (1 << 31) - 1;

/// The client has given a request up, or has gone.
#[derive(Debug)]
pub(super) struct Gone;

/// What a connection has to say.
pub(super) struct Outlet {
    state: Mutex<State>,
    /// How many bytes of requests are held that nobody has taken yet.
    pub(super) held: AtomicUsize,
}

struct State {
    /// Frames, in their order: first these, then those in `tail`.
    parts: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
    /// What the client takes: of the connection, and of each request in the beginning.
    window: i64,
    first_window: i64,
    streams: BTreeMap<u32, Sending>,
    relays: usize,
    /// Requests that are done with, of which the connection does not know yet.
    closed: Vec<u32>,
    writer: Option<Waker>,
    has_gone: bool,
}

/// A request whose answer waits for room, or may have to.
struct Sending {
    window: i64,
    waker: Option<Waker>,
    waits_for_room: bool,
    is_relay: bool,
    is_reset: bool,
}

impl Outlet {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                parts: VecDeque::new(),
                tail: BytesMut::new(),
                bytes: 0,
                window: FIRST_WINDOW,
                first_window: FIRST_WINDOW,
                streams: BTreeMap::new(),
                relays: 0,
                closed: Vec::new(),
                writer: None,
                has_gone: false,
            }),
            held: AtomicUsize::new(0),
        })
    }

    /// Whoever is woken when there is something to write.
    pub(super) fn register(&self, waker: &Waker) {
        let mut state = self.state.lock();
        match &mut state.writer {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Adds a frame about the connection or a request, by whoever writes.
    pub(super) fn frame(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.state.lock().frame(kind, flags, stream, payload);
    }

    /// For several answers at once.
    pub(super) fn sink(&self) -> Sink<'_> {
        Sink(self.state.lock())
    }

    /// Adds headers.
    pub(super) fn headers(&self, stream: u32, block: &[u8], is_end: bool) {
        let mut state = self.state.lock();
        let end = if is_end { END_STREAM } else { 0 };
        let (first, mut rest) = block.split_at(block.len().min(MAX_FRAME));
        let whole = |rest: &[u8]| if rest.is_empty() { END_HEADERS } else { 0 };
        state.frame(HEADERS, end | whole(rest), stream, first);
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rest.len().min(MAX_FRAME));
            state.frame(CONTINUATION, whole(behind), stream, part);
            rest = behind;
        }
    }

    /// The client has said how much it takes of each request in the beginning.
    pub(super) fn set_first_window(&self, size: u32) -> Result<(), Code> {
        let size = i64::from(size);
        if size > MAX_WINDOW {
            return Err(Code::FlowControl);
        }
        let mut state = self.state.lock();
        let more = size - std::mem::replace(&mut state.first_window, size);
        for sending in state.streams.values_mut() {
            sending.window += more;
            if sending.window > MAX_WINDOW {
                return Err(Code::FlowControl);
            }
            sending.wake_for_room();
        }
        Ok(())
    }

    /// The client takes more: of a request, or of the connection. `is_open` says whether the request is being read or answered
    /// by the connection.
    pub(super) fn widen(&self, stream: u32, more: u32, is_open: bool) -> Result<(), Code> {
        let mut state = self.state.lock();
        let more = i64::from(more);
        if stream == 0 {
            state.window += more;
            if state.window > MAX_WINDOW {
                return Err(Code::FlowControl);
            }
            state.streams.values_mut().for_each(Sending::wake_for_room);
            return Ok(());
        }
        let first_window = state.first_window;
        let sending = match state.streams.entry(stream) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) if is_open => place.insert(Sending::new(first_window, false)),
            // It is done with.
            Entry::Vacant(_) => return Ok(()),
        };
        sending.window += more;
        sending.wake_for_room();
        if sending.window > MAX_WINDOW {
            return Err(Code::FlowControl);
        }
        Ok(())
    }

    /// The client has given a request up.
    pub(super) fn reset(&self, stream: u32) {
        let mut state = self.state.lock();
        match state.streams.get_mut(&stream) {
            Some(sending) if sending.is_relay => {
                sending.is_reset = true;
                sending.wake();
            }
            Some(_) => drop(state.streams.remove(&stream)),
            None => {}
        }
    }

    /// A request that was answered at once is done with.
    pub(super) fn forget(&self, stream: u32) {
        self.state.lock().forget(stream);
    }

    /// How many requests are being answered by others.
    pub(super) fn relays(&self) -> usize {
        self.state.lock().relays
    }

    /// The requests that were done with since this was asked last.
    pub(super) fn take_closed(&self) -> Vec<u32> {
        std::mem::take(&mut self.state.lock().closed)
    }

    /// Whether there is room for more: nobody reads what may have to be answered otherwise.
    pub(super) fn has_room(&self) -> bool {
        self.state.lock().bytes < TOO_MUCH_WAITING
    }

    /// What is to be written now; all of it together, as far as it is in one piece.
    pub(super) fn waiting(&self) -> VecDeque<Bytes> {
        let mut state = self.state.lock();
        state.seal_tail();
        std::mem::take(&mut state.parts)
    }

    /// So much was written; the rest waits still.
    pub(super) fn written(&self, bytes: usize, rest: VecDeque<Bytes>) {
        let mut state = self.state.lock();
        let had_room = state.bytes < MAX_WAITING;
        state.bytes -= bytes;
        for part in rest.into_iter().rev() {
            state.parts.push_front(part);
        }
        if !had_room && state.bytes < MAX_WAITING {
            state.streams.values_mut().for_each(Sending::wake_for_room);
        }
    }

    /// The client has gone.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.has_gone = true;
        state.writer = None;
        state.streams.values_mut().for_each(Sending::wake);
    }

    /// Says that the client may send more of a request.
    pub(super) fn grant(&self, stream: u32, more: u32) {
        let mut state = self.state.lock();
        state.frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
        state.wake_writer();
    }

    /// Takes bytes of requests out of the account.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Takes answers.
pub(super) struct Sink<'a>(MutexGuard<'a, State>);

impl Sink<'_> {
    /// Adds a whole answer, if there is room for its message.
    pub(super) fn answer(&mut self, stream: u32, head: &[u8], message: &[u8], trailers: &[u8]) -> bool {
        let state = &mut *self.0;
        let size = message.len() as i64;
        let window = match state.streams.get(&stream) {
            Some(sending) => sending.window,
            None => state.first_window,
        };
        if message.len() > MAX_FRAME || size > state.window || size > window {
            return false;
        }
        state.window -= size;
        state
            .tail
            .reserve(3 * FRAME_HEADER + head.len() + message.len() + trailers.len());
        state.frame(HEADERS, END_HEADERS, stream, head);
        state.frame(DATA, 0, stream, message);
        state.frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers);
        state.forget(stream);
        true
    }
}

impl State {
    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.header(kind, flags, stream, payload.len());
        self.tail.extend_from_slice(payload);
        self.bytes += payload.len();
    }

    fn header(&mut self, kind: u8, flags: u8, stream: u32, length: usize) {
        let header = FrameHeader {
            length,
            kind,
            flags,
            stream,
        };
        self.tail.extend_from_slice(&header.bytes());
        self.bytes += FRAME_HEADER;
    }

    fn data(&mut self, stream: u32, payload: Bytes) {
        if payload.len() < SHARED_FROM {
            return self.frame(DATA, 0, stream, &payload);
        }
        self.header(DATA, 0, stream, payload.len());
        self.seal_tail();
        self.bytes += payload.len();
        self.parts.push_back(payload);
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push_back(self.tail.split().freeze());
        }
    }

    fn forget(&mut self, stream: u32) {
        if let Some(sending) = self.streams.remove(&stream)
            && sending.is_relay
        {
            self.relays -= 1;
            self.closed.push(stream);
        }
    }

    fn wake_writer(&self) {
        if let Some(writer) = &self.writer {
            writer.wake_by_ref();
        }
    }
}

impl Sending {
    fn new(window: i64, is_relay: bool) -> Self {
        Self {
            window,
            waker: None,
            waits_for_room: false,
            is_relay,
            is_reset: false,
        }
    }

    /// There may be room now.
    fn wake_for_room(&mut self) {
        if self.waits_for_room {
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The answer to a request that a task of its own makes. If it is dropped before its end, the client is told that it broke off.
pub(super) struct Answering {
    stream: u32,
    outlet: Arc<Outlet>,
    is_ended: bool,
}

impl Answering {
    pub(super) fn new(stream: u32, outlet: Arc<Outlet>) -> Self {
        {
            let mut state = outlet.state.lock();
            let first_window = state.first_window;
            let sending = state
                .streams
                .entry(stream)
                .or_insert_with(|| Sending::new(first_window, true));
            sending.is_relay = true;
            state.relays += 1;
        }
        Self {
            stream,
            outlet,
            is_ended: false,
        }
    }

    /// Ready when nobody waits for the answer any more.
    pub(super) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        match self.outlet.state.lock().sending(self.stream) {
            Err(Gone) => Poll::Ready(()),
            Ok(sending) => {
                sending.waits_for_room = false;
                sending.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Sends headers: the first, or the last.
    pub(super) fn headers(&mut self, block: &[u8], is_end: bool) -> Result<(), Gone> {
        self.outlet.state.lock().sending(self.stream)?;
        self.outlet.headers(self.stream, block, is_end);
        self.is_ended |= is_end;
        self.outlet.state.lock().wake_writer();
        Ok(())
    }

    /// Ends an answer that has no last headers.
    pub(super) fn end(&mut self) -> Result<(), Gone> {
        let mut state = self.outlet.state.lock();
        state.sending(self.stream)?;
        state.frame(DATA, END_STREAM, self.stream, &[]);
        self.is_ended = true;
        state.wake_writer();
        Ok(())
    }

    /// Sends as much of the data as there is room for; ready when all of it was sent.
    pub(super) fn poll_data(&self, data: &mut Bytes, cx: &Context<'_>) -> Poll<Result<(), Gone>> {
        let mut state = self.outlet.state.lock();
        let before = state.bytes;
        let sent = loop {
            if data.is_empty() {
                break Poll::Ready(Ok(()));
            }
            let (window, room) = (state.window, MAX_WAITING.saturating_sub(state.bytes));
            let Ok(sending) = state.sending(self.stream) else {
                break Poll::Ready(Err(Gone));
            };
            let now = usize::try_from(window.min(sending.window)).unwrap_or_default();
            let now = now.min(room).min(MAX_FRAME).min(data.len());
            if now == 0 {
                sending.waits_for_room = true;
                sending.waker = Some(cx.waker().clone());
                break Poll::Pending;
            }
            sending.window -= now as i64;
            state.window -= now as i64;
            state.data(self.stream, data.split_to(now));
        };
        if state.bytes > before {
            state.wake_writer();
        }
        sent
    }
}

impl State {
    fn sending(&mut self, stream: u32) -> Result<&mut Sending, Gone> {
        match self.streams.get_mut(&stream) {
            Some(sending) if !sending.is_reset && !self.has_gone => Ok(sending),
            _ => Err(Gone),
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.outlet.state.lock();
        if !self.is_ended && state.sending(self.stream).is_ok() {
            state.frame(RESET, 0, self.stream, &(Code::Internal as u32).to_be_bytes());
        }
        state.forget(self.stream);
        state.wake_writer();
    }
}

/// Writes from the beginning of `parts` what a write has taken.
pub(super) fn advance(parts: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = parts.front_mut() {
        if written < first.len() {
            first.advance(written);
            return;
        }
        written -= first.len();
        parts.pop_front();
    }
}

/// The first parts, for one write.
pub(super) fn slices(parts: &VecDeque<Bytes>) -> ([IoSlice<'_>; 32], usize) {
    let mut slices = [IoSlice::new(&[]); 32];
    let mut count = 0;
    for (slice, part) in slices.iter_mut().zip(parts) {
        *slice = IoSlice::new(part);
        count += 1;
    }
    (slices, count)
}
