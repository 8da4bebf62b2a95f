//! A connection: frames in and out, and the table of its streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::error::StreamError;
use super::frame::{Decoder, Encoder, Frame, INITIAL_WINDOW, ResetStatus};
use super::headers::Headers;
use super::stream::Stream;
use super::window::{DEFAULT_WINDOW, Window};

/// Streams at a time.
const MAX_STREAMS: usize = 1000;
/// New streams that wait to be accepted.
const WAITING_STREAMS: usize = 32;
/// Pieces of data that wait for the reader of a stream.
const PIECES_AHEAD: usize = 8;
/// Frames that wait to be written.
const FRAMES_AHEAD: usize = 16;
/// Bytes read at a time.
const READ_BYTES: usize = 32 << 10;
/// How long a peer may take to accept a stream: upstream's limit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what was written before a connection is closed may take to get out.
const LINGER: Duration = Duration::from_secs(5);

/// Which side of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who asked for it: opens streams with odd numbers.
    Client,
    /// Who was asked: opens streams with even numbers.
    Server,
}

/// How a fast sender is kept from overrunning a slow reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowControl {
    /// By not reading from the connection. The only way with peers written in Go.
    Backpressure,
    /// By windows for every stream and for the connection, as SPDY/3.1 has it.
    Windows,
}

/// A connection. Dropping it closes it, with its streams.
pub struct Connection {
    shared: Arc<Shared>,
    incoming: tokio::sync::Mutex<mpsc::Receiver<Incoming>>,
    /// The next stream's number. Held while a stream is announced: numbers must grow on the wire.
    next_id: tokio::sync::Mutex<u32>,
}

struct Incoming {
    slot: Arc<Slot>,
    headers: Headers,
    bytes: mpsc::Receiver<Bytes>,
}

/// What the connection, its streams and its tasks share.
pub(super) struct Shared {
    pub flow_control: FlowControl,
    pub window: Window,
    frames: mpsc::Sender<Frame>,
    streams: Mutex<HashMap<u32, Entry>>,
    stop: CancellationToken,
    /// Why the connection is over.
    end: Mutex<Option<StreamError>>,
}

/// The reading task's side of a stream.
struct Entry {
    slot: Arc<Slot>,
    /// None once the peer has said that nothing follows.
    bytes: Option<mpsc::Sender<Bytes>>,
    /// Where an answer is waited for.
    answer: Option<oneshot::Sender<()>>,
}

/// What both sides of a stream know.
pub(super) struct Slot {
    pub id: u32,
    pub window: Window,
    /// Bytes the peer may still send.
    room: AtomicUsize,
    failure: Mutex<Option<StreamError>>,
    inbound_closed: AtomicBool,
    outbound_closed: AtomicBool,
}

/// A half of a stream.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

impl Slot {
    fn new(id: u32) -> Arc<Self> {
        Arc::new(Self {
            id,
            window: Window::new(DEFAULT_WINDOW),
            room: AtomicUsize::new(DEFAULT_WINDOW as usize),
            failure: Mutex::default(),
            inbound_closed: AtomicBool::new(false),
            outbound_closed: AtomicBool::new(false),
        })
    }

    pub fn failure(&self) -> Option<StreamError> {
        self.failure.lock().clone()
    }

    fn fail(&self, error: StreamError) {
        self.failure.lock().get_or_insert(error);
        self.window.close();
    }

    pub fn give_room(&self, bytes: usize) {
        self.room.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether the peer was allowed to send so much.
    fn take_room(&self, bytes: usize) -> bool {
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                room.checked_sub(bytes)
            });
        taken.is_ok()
    }
}

impl Shared {
    /// Puts a frame in line; waits while the peer takes none.
    pub async fn send(&self, frame: Frame) -> Result<(), StreamError> {
        let sent = tokio::select! {
            sent = self.frames.send(frame) => sent.is_ok(),
            () = self.stop.cancelled() => false,
        };
        if sent { Ok(()) } else { Err(self.ended()) }
    }

    /// Puts a frame in line, unless the line is full: for what must not wait, and may be missing.
    pub fn try_send(&self, frame: Frame) {
        if let Err(error) = self.frames.try_send(frame) {
            debug!(%error, "a frame is not sent");
        }
    }

    /// A half of a stream is over; with the other one, the stream is forgotten.
    pub fn closed(&self, slot: &Slot, direction: Direction) {
        let (this, other) = match direction {
            Direction::Inbound => (&slot.inbound_closed, &slot.outbound_closed),
            Direction::Outbound => (&slot.outbound_closed, &slot.inbound_closed),
        };
        this.store(true, Ordering::SeqCst);
        if other.load(Ordering::SeqCst) {
            self.streams.lock().remove(&slot.id);
        }
    }

    fn ended(&self) -> StreamError {
        self.end.lock().clone().unwrap_or(StreamError::Closed)
    }

    /// Ends everything; the first reason counts.
    fn end(&self, error: StreamError) {
        let error = self.end.lock().get_or_insert(error).clone();
        self.stop.cancel();
        self.window.close();
        let streams = std::mem::take(&mut *self.streams.lock());
        for entry in streams.into_values() {
            // What was read to its end has not failed.
            if entry.bytes.is_some() {
                entry.slot.fail(error.clone());
            }
            entry.slot.window.close();
        }
    }

    fn add(&self, slot: &Arc<Slot>, answer: Option<oneshot::Sender<()>>) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let entry = Entry {
            slot: Arc::clone(slot),
            bytes: Some(sender),
            answer,
        };
        self.streams.lock().insert(slot.id, entry);
        receiver
    }
}

impl Connection {
    /// Speaks SPDY on a connection on which nothing else is spoken any more.
    pub fn new<S>(stream: S, role: Role, flow_control: FlowControl) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let (frames, to_write) = mpsc::channel(FRAMES_AHEAD);
        let (announce, incoming) = mpsc::channel(WAITING_STREAMS);
        let shared = Arc::new(Shared {
            flow_control,
            window: Window::new(DEFAULT_WINDOW),
            frames,
            streams: Mutex::default(),
            stop: CancellationToken::new(),
            end: Mutex::default(),
        });
        tokio::spawn(write(writer, to_write, Arc::clone(&shared)));
        let incoming_side = Reader {
            shared: Arc::clone(&shared),
            announce,
            role,
            last_id: 0,
        };
        tokio::spawn(incoming_side.run(reader));
        Self {
            shared,
            incoming: tokio::sync::Mutex::new(incoming),
            next_id: tokio::sync::Mutex::new(match role {
                Role::Client => 1,
                Role::Server => 2,
            }),
        }
    }

    /// Opens a stream and waits until the peer has accepted it.
    pub async fn open(&self, headers: Headers) -> Result<Stream, StreamError> {
        let (answer, answered) = oneshot::channel();
        let mut next_id = self.next_id.lock().await;
        let slot = Slot::new(*next_id);
        *next_id += 2;
        let bytes = self.shared.add(&slot, Some(answer));
        let stream = Stream::new(&self.shared, slot, headers.clone(), bytes);
        let announcement = Frame::SynStream {
            id: stream.id(),
            fin: false,
            unidirectional: false,
            headers,
        };
        self.shared.send(announcement).await?;
        drop(next_id);
        match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
            Err(_) => Err(StreamError::Unanswered),
            Ok(Ok(())) => Ok(stream),
            Ok(Err(_)) => Err(stream.failure().unwrap_or_else(|| self.shared.ended())),
        }
    }

    /// The next stream that the peer opens, accepted; none at the end of the connection.
    pub async fn accept(&self) -> Option<Stream> {
        let Incoming { slot, headers, bytes } = self.incoming.lock().await.recv().await?;
        let reply = Frame::SynReply {
            id: slot.id,
            fin: false,
            headers: Headers::default(),
        };
        let stream = Stream::new(&self.shared, slot, headers, bytes);
        self.shared.send(reply).await.ok()?;
        Some(stream)
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) {
        self.shared.stop.cancelled().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.end(StreamError::Closed);
    }
}

/// Writes frames until the connection is over; then those that are in line, and a goodbye.
async fn write<W: AsyncWrite + Send>(
    mut writer: WriteHalf<W>,
    mut frames: mpsc::Receiver<Frame>,
    shared: Arc<Shared>,
) {
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    loop {
        let next = tokio::select! {
            biased;
            next = frames.recv() => next,
            () = shared.stop.cancelled() => None,
        };
        let Some(frame) = next else { break };
        let written = write_one(&mut writer, &mut encoder, &frame, &mut out);
        let written = tokio::select! {
            written = written => written,
            // Who waits for a peer that takes nothing must still be able to leave.
            () = async {
                shared.stop.cancelled().await;
                tokio::time::sleep(LINGER).await;
            } => return,
        };
        if let Err(error) = written {
            shared.end(StreamError::Broken(error));
            return;
        }
    }
    let goodbye = async {
        frames.close();
        while let Some(frame) = frames.recv().await {
            write_one(&mut writer, &mut encoder, &frame, &mut out).await?;
        }
        let frame = Frame::GoAway { last: 0, status: 0 };
        write_one(&mut writer, &mut encoder, &frame, &mut out).await?;
        writer.shutdown().await.map_err(|error| error.to_string())
    };
    // The peer may be gone already, which is as well.
    let _ = tokio::time::timeout(LINGER, goodbye).await;
}

async fn write_one<W: AsyncWrite + Send>(
    writer: &mut WriteHalf<W>,
    encoder: &mut Encoder,
    frame: &Frame,
    out: &mut BytesMut,
) -> Result<(), String> {
    encoder.encode(frame, out).map_err(|error| error.to_string())?;
    writer
        .write_all_buf(out)
        .await
        .map_err(|error| error.to_string())?;
    writer.flush().await.map_err(|error| error.to_string())
}

/// The reading side of a connection.
struct Reader {
    shared: Arc<Shared>,
    announce: mpsc::Sender<Incoming>,
    role: Role,
    /// The highest number of a stream of the peer's.
    last_id: u32,
}

impl Reader {
    async fn run<R: AsyncRead + Send>(mut self, mut reader: ReadHalf<R>) {
        let shared = Arc::clone(&self.shared);
        let ended = tokio::select! {
            ended = self.read(&mut reader) => ended,
            () = shared.stop.cancelled() => StreamError::Closed,
        };
        shared.end(ended);
    }

    async fn read<R: AsyncRead + Send>(&mut self, reader: &mut ReadHalf<R>) -> StreamError {
        let mut decoder = Decoder::new();
        let mut bytes = BytesMut::new();
        loop {
            match decoder.decode(&mut bytes) {
                Ok(Some(frame)) => {
                    self.take(frame).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) => return StreamError::Broken(error.to_string()),
            }
            bytes.reserve(READ_BYTES);
            match reader.read_buf(&mut bytes).await {
                Ok(0) => return StreamError::Closed,
                Ok(_) => {}
                Err(error) => return StreamError::Broken(error.to_string()),
            }
        }
    }

    async fn take(&mut self, frame: Frame) {
        match frame {
            Frame::SynStream { id, fin, headers, .. } => self.incoming(id, fin, headers),
            Frame::SynReply { id, fin, .. } => self.answered(id, fin),
            Frame::Data { id, fin, bytes } => self.data(id, fin, bytes).await,
            Frame::Headers { id, fin: true, .. } => self.finished(id),
            Frame::RstStream { id, status } => self.reset(id, status),
            Frame::Ping(id) => self.ping(id),
            Frame::WindowUpdate { id, delta } => self.grow(id, delta),
            Frame::Settings(settings) => self.settings(&settings),
            // The peer takes no more streams; those that are open go on. Further headers mean nothing here.
            Frame::GoAway { .. } | Frame::Headers { .. } => {}
        }
    }

    fn refuse(&self, id: u32, status: ResetStatus) {
        self.shared.try_send(Frame::RstStream { id, status });
    }

    fn incoming(&mut self, id: u32, fin: bool, headers: Headers) {
        let is_peers = (id % 2 == 1) == (self.role == Role::Server);
        if !is_peers || id <= self.last_id {
            return self.refuse(id, ResetStatus::PROTOCOL_ERROR);
        }
        self.last_id = id;
        let Ok(place) = self.announce.try_reserve() else {
            return self.refuse(id, ResetStatus::REFUSED_STREAM);
        };
        if self.shared.streams.lock().len() >= MAX_STREAMS {
            return self.refuse(id, ResetStatus::REFUSED_STREAM);
        }
        let slot = Slot::new(id);
        let bytes = self.shared.add(&slot, None);
        place.send(Incoming { slot, headers, bytes });
        if fin {
            self.finished(id);
        }
    }

    fn answered(&self, id: u32, fin: bool) {
        let answer = self
            .shared
            .streams
            .lock()
            .get_mut(&id)
            .and_then(|entry| entry.answer.take());
        if let Some(answer) = answer {
            // Who has given up waiting drops the stream.
            let _ = answer.send(());
        }
        if fin {
            self.finished(id);
        }
    }

    async fn data(&self, id: u32, fin: bool, bytes: Bytes) {
        let found = self
            .shared
            .streams
            .lock()
            .get(&id)
            .map(|entry| (Arc::clone(&entry.slot), entry.bytes.clone()));
        let length = bytes.len();
        let Some((slot, Some(reader))) = found else {
            return self.thrown_away(length);
        };
        if self.shared.flow_control == FlowControl::Windows && !slot.take_room(bytes.len()) {
            self.refuse(id, ResetStatus::FLOW_CONTROL_ERROR);
            return self.reset(id, ResetStatus::FLOW_CONTROL_ERROR);
        }
        // A reader that is gone wants nothing of it.
        if !bytes.is_empty() && reader.send(bytes).await.is_err() {
            self.thrown_away(length);
        }
        if fin {
            self.finished(id);
        }
    }

    /// What nobody reads must not keep the other streams from being sent.
    fn thrown_away(&self, bytes: usize) {
        if self.shared.flow_control == FlowControl::Windows && bytes > 0 {
            // A piece has far fewer bytes than a window may have.
            let delta = bytes as u32;
            self.shared.try_send(Frame::WindowUpdate { id: 0, delta });
        }
    }

    fn finished(&self, id: u32) {
        if let Some(entry) = self.shared.streams.lock().get_mut(&id) {
            entry.bytes = None;
        }
    }

    fn reset(&self, id: u32, status: ResetStatus) {
        if let Some(entry) = self.shared.streams.lock().remove(&id) {
            entry.slot.fail(StreamError::Reset(status));
        }
    }

    /// Those with numbers of the other side are to be sent back.
    fn ping(&self, id: u32) {
        if (id % 2 == 1) == (self.role == Role::Server) {
            self.shared.try_send(Frame::Ping(id));
        }
    }

    fn grow(&self, id: u32, delta: u32) {
        let grown = match id {
            0 => self.shared.window.grow(delta),
            _ => match self.shared.streams.lock().get(&id) {
                Some(entry) => entry.slot.window.grow(delta),
                None => true,
            },
        };
        if !grown && id != 0 {
            self.refuse(id, ResetStatus::FLOW_CONTROL_ERROR);
            self.reset(id, ResetStatus::FLOW_CONTROL_ERROR);
        }
    }

    /// A larger first window is used for what is open; later streams learn it by their updates.
    fn settings(&self, settings: &[(u32, u32)]) {
        let window = settings.iter().find(|(id, _)| *id == INITIAL_WINDOW);
        let Some(more) = window.and_then(|(_, bytes)| bytes.checked_sub(DEFAULT_WINDOW)) else {
            return;
        };
        for entry in self.shared.streams.lock().values() {
            entry.slot.window.grow(more);
        }
    }
}
