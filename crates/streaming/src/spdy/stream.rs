//! A stream of a connection: two halves that end on their own.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::connection::{Direction, FlowControl, Shared, Slot};
use super::error::StreamError;
use super::frame::{Frame, MAX_PIECE_BYTES, ResetStatus};
use super::headers::Headers;

/// A stream of a connection.
pub struct Stream {
    /// What it is for.
    pub headers: Headers,
    /// What comes from the peer.
    pub reader: StreamReader,
    /// What goes to the peer.
    pub writer: StreamWriter,
}

/// The half of a stream that comes from the peer.
pub struct StreamReader {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    bytes: mpsc::Receiver<Bytes>,
    ended: bool,
}

/// The half of a stream that goes to the peer.
pub struct StreamWriter {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    finished: bool,
}

impl Stream {
    pub(super) fn new(
        shared: &Arc<Shared>,
        slot: Arc<Slot>,
        headers: Headers,
        bytes: mpsc::Receiver<Bytes>,
    ) -> Self {
        Self {
            headers,
            reader: StreamReader {
                shared: Arc::clone(shared),
                slot: Arc::clone(&slot),
                bytes,
                ended: false,
            },
            writer: StreamWriter {
                shared: Arc::clone(shared),
                slot,
                finished: false,
            },
        }
    }

    /// The stream's number.
    pub fn id(&self) -> u32 {
        self.writer.slot.id
    }

    pub(super) fn failure(&self) -> Option<StreamError> {
        self.writer.slot.failure()
    }
}

impl StreamReader {
    /// The next bytes, never empty; none at the end.
    pub async fn read(&mut self) -> Result<Option<Bytes>, StreamError> {
        if self.ended {
            return Ok(None);
        }
        match self.bytes.recv().await {
            Some(bytes) => {
                self.acknowledge(bytes.len()).await;
                Ok(Some(bytes))
            }
            None => {
                self.ended = true;
                match self.slot.failure() {
                    Some(error) => Err(error),
                    None => Ok(None),
                }
            }
        }
    }

    /// Reads to the end, `limit` bytes at most; the rest is thrown away.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, StreamError> {
        let (bytes, end) = self.read_to_any_end(limit).await;
        end.map(|()| bytes)
    }

    /// The same, with what came before a bad end. Peers written in Go close a connection by resetting its streams, also
    /// those on which they have said everything.
    pub async fn read_to_any_end(&mut self, limit: usize) -> (Vec<u8>, Result<(), StreamError>) {
        let mut all = Vec::new();
        loop {
            match self.read().await {
                Ok(Some(bytes)) => {
                    let room = limit - all.len();
                    all.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(None) => return (all, Ok(())),
                Err(error) => return (all, Err(error)),
            }
        }
    }

    async fn acknowledge(&self, bytes: usize) {
        if self.shared.flow_control == FlowControl::Backpressure {
            return;
        }
        // A piece has far fewer bytes than a window may have.
        let delta = bytes as u32;
        self.slot.give_room(bytes);
        for id in [self.slot.id, 0] {
            // On a broken connection nothing waits for it.
            let _ = self.shared.send(Frame::WindowUpdate { id, delta }).await;
        }
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.bytes.close();
        self.shared.closed(&self.slot, Direction::Inbound);
    }
}

impl StreamWriter {
    /// Sends bytes; waits while the connection, or the peer's window, takes no more.
    pub async fn write(&self, mut bytes: Bytes) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let wanted = bytes.len().min(MAX_PIECE_BYTES);
            let allowed = match self.shared.flow_control {
                FlowControl::Backpressure => wanted,
                FlowControl::Windows => self.allowed(wanted).await?,
            };
            if let Some(error) = self.slot.failure() {
                return Err(error);
            }
            let piece = bytes.split_to(allowed);
            self.send(piece, false).await?;
        }
        Ok(())
    }

    async fn allowed(&self, wanted: usize) -> Result<usize, StreamError> {
        let of_stream = self.slot.window.take(wanted).await;
        let of_all = self.shared.window.take(of_stream).await;
        self.slot.window.give_back(of_stream - of_all);
        if of_all == 0 {
            return Err(self.slot.failure().unwrap_or(StreamError::Closed));
        }
        Ok(of_all)
    }

    /// Says that nothing more will come.
    pub async fn finish(mut self) -> Result<(), StreamError> {
        self.finished = true;
        self.send(Bytes::new(), true).await
    }

    async fn send(&self, bytes: Bytes, fin: bool) -> Result<(), StreamError> {
        let id = self.slot.id;
        self.shared.send(Frame::Data { id, fin, bytes }).await
    }
}

impl Drop for StreamWriter {
    /// A half that was not finished tells the peer that its stream is not complete.
    fn drop(&mut self) {
        if !self.finished && self.slot.failure().is_none() {
            self.shared.try_send(Frame::RstStream {
                id: self.slot.id,
                status: ResetStatus::CANCEL,
            });
        }
        self.shared.closed(&self.slot, Direction::Outbound);
    }
}
