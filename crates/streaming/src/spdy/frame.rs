//! Frames, and their form on the wire.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::headers::{Deflater, Headers, Inflater};

/// Bytes of a control frame at most. Header blocks are the largest.
const MAX_CONTROL_BYTES: usize = 64 << 10;

/// Data is handed on in pieces of at most this size, however long its frame is.
pub const MAX_PIECE_BYTES: usize = 64 << 10;

const VERSION: u16 = 3;
const HEAD_BYTES: usize = 8;
const FLAG_FIN: u8 = 1;
const FLAG_UNIDIRECTIONAL: u8 = 2;
/// Ids and window sizes have 31 bits.
const LOW_31: u32 = 0x7fff_ffff;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const SETTINGS: u16 = 4;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;
const WINDOW_UPDATE: u16 = 9;

/// The setting that says how much may be sent on a stream before it is acknowledged.
pub const INITIAL_WINDOW: u32 = 7;

/// Why a stream is ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetStatus(pub u32);

impl ResetStatus {
    /// The frame was out of place.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// No such stream.
    pub const INVALID_STREAM: Self = Self(2);
    /// Too many streams; nothing was done.
    pub const REFUSED_STREAM: Self = Self(3);
    /// Nobody is interested any more.
    pub const CANCEL: Self = Self(5);
    /// More was sent than was allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(7);
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A new stream.
    SynStream {
        /// Odd from clients, even from servers.
        id: u32,
        /// Whether its sender will send nothing on it.
        fin: bool,
        /// Whether its receiver may send nothing on it.
        unidirectional: bool,
        /// What it is for.
        headers: Headers,
    },
    /// The stream is accepted.
    SynReply {
        /// Which.
        id: u32,
        /// Whether its sender will send nothing on it.
        fin: bool,
        /// Remarks.
        headers: Headers,
    },
    /// The stream is over.
    RstStream {
        /// Which.
        id: u32,
        /// Why.
        status: ResetStatus,
    },
    /// Id and value of each setting.
    Settings(Vec<(u32, u32)>),
    /// To be sent back.
    Ping(u32),
    /// No more streams will be taken.
    GoAway {
        /// The last that was.
        last: u32,
        /// Zero for an end in good order.
        status: u32,
    },
    /// More headers.
    Headers {
        /// Of which stream.
        id: u32,
        /// Whether nothing follows.
        fin: bool,
        /// Names and values.
        headers: Headers,
    },
    /// So much more may be sent.
    WindowUpdate {
        /// On which stream; zero for all together.
        id: u32,
        /// Bytes.
        delta: u32,
    },
    /// Bytes of a stream, all of a frame's or a piece of them.
    Data {
        /// Of which stream.
        id: u32,
        /// Whether nothing follows.
        fin: bool,
        /// The bytes.
        bytes: Bytes,
    },
}

/// Writes the frames of one direction.
pub struct Encoder(Deflater);

impl Encoder {
    /// For a new connection.
    #[allow(
        clippy::new_without_default,
        reason = "starts a stream; nothing is a default here"
    )]
    pub fn new() -> Self {
        Self(Deflater::new())
    }

    /// Appends a frame.
    pub fn encode(&mut self, frame: &Frame, out: &mut BytesMut) -> Result<(), FrameError> {
        match frame {
            Frame::SynStream {
                id,
                fin,
                unidirectional,
                headers,
            } => {
                let block = self.0.compress(headers)?;
                let flags = u8::from(*fin) * FLAG_FIN + u8::from(*unidirectional) * FLAG_UNIDIRECTIONAL;
                // No associated stream, priority and slot zero.
                control(out, SYN_STREAM, flags, &[id & LOW_31, 0], &[&[0, 0], &block])
            }
            Frame::SynReply { id, fin, headers } => {
                let block = self.0.compress(headers)?;
                control(out, SYN_REPLY, u8::from(*fin), &[id & LOW_31], &[&block])
            }
            Frame::Headers { id, fin, headers } => {
                let block = self.0.compress(headers)?;
                control(out, HEADERS, u8::from(*fin), &[id & LOW_31], &[&block])
            }
            Frame::RstStream { id, status } => control(out, RST_STREAM, 0, &[id & LOW_31, status.0], &[]),
            Frame::Settings(settings) => {
                let mut words = vec![settings.len() as u32];
                words.extend(settings.iter().flat_map(|(id, value)| [*id, *value]));
                control(out, SETTINGS, 0, &words, &[])
            }
            Frame::Ping(id) => control(out, PING, 0, &[*id], &[]),
            Frame::GoAway { last, status } => control(out, GOAWAY, 0, &[last & LOW_31, *status], &[]),
            Frame::WindowUpdate { id, delta } => {
                control(out, WINDOW_UPDATE, 0, &[id & LOW_31, delta & LOW_31], &[])
            }
            Frame::Data { id, fin, bytes } => data(out, *id, *fin, bytes),
        }
    }
}

fn control(
    out: &mut BytesMut,
    kind: u16,
    flags: u8,
    words: &[u32],
    rest: &[&[u8]],
) -> Result<(), FrameError> {
    let length = words.len() * 4 + rest.iter().map(|part| part.len()).sum::<usize>();
    out.reserve(HEAD_BYTES + length);
    out.put_u16(0x8000 | VERSION);
    out.put_u16(kind);
    put_flags_and_length(out, flags, length)?;
    words.iter().for_each(|word| out.put_u32(*word));
    rest.iter().for_each(|part| out.put_slice(part));
    Ok(())
}

fn data(out: &mut BytesMut, id: u32, fin: bool, bytes: &[u8]) -> Result<(), FrameError> {
    out.reserve(HEAD_BYTES + bytes.len());
    out.put_u32(id & LOW_31);
    put_flags_and_length(out, u8::from(fin), bytes.len())?;
    out.put_slice(bytes);
    Ok(())
}

fn put_flags_and_length(out: &mut BytesMut, flags: u8, length: usize) -> Result<(), FrameError> {
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length < 1 << 24)
        .ok_or(FrameError::TooLarge(length))?;
    out.put_u32(u32::from(flags) << 24 | length);
    Ok(())
}

/// Reads the frames of one direction. It holds no more than a control frame, or a piece of data.
pub struct Decoder {
    inflater: Inflater,
    /// The data frame under way.
    data: Option<DataLeft>,
}

#[derive(Clone, Copy)]
struct DataLeft {
    id: u32,
    fin: bool,
    bytes: usize,
}

impl Decoder {
    /// For a new connection.
    #[allow(
        clippy::new_without_default,
        reason = "starts a stream; nothing is a default here"
    )]
    pub fn new() -> Self {
        Self {
            inflater: Inflater::new(),
            data: None,
        }
    }

    /// The next frame, or piece of one; none if more bytes are needed. Frames of unknown types are skipped. After an error
    /// nothing can be read.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(left) = self.data {
                return Ok(self.piece(left, bytes));
            }
            let Some(head) = bytes.first_chunk::<HEAD_BYTES>().copied() else {
                return Ok(None);
            };
            let mut head = &head[..];
            let (first, second) = (head.get_u32(), head.get_u32());
            let (flags, length) = ((second >> 24) as u8, (second & 0x00ff_ffff) as usize);
            if first & 0x8000_0000 == 0 {
                bytes.advance(HEAD_BYTES);
                self.data = Some(DataLeft {
                    id: first,
                    fin: flags & FLAG_FIN != 0,
                    bytes: length,
                });
                continue;
            }
            let version = (first >> 16) as u16 & 0x7fff;
            if version != VERSION {
                return Err(FrameError::Version(version));
            }
            if length > MAX_CONTROL_BYTES {
                return Err(FrameError::TooLarge(length));
            }
            if bytes.len() < HEAD_BYTES + length {
                return Ok(None);
            }
            bytes.advance(HEAD_BYTES);
            let body = bytes.split_to(length);
            // The lower half of the word is the type.
            if let Some(frame) = self.control(first as u16, flags, &body)? {
                return Ok(Some(frame));
            }
        }
    }

    /// A piece of the data frame under way: the whole of what is left of it, if that is there and small enough.
    fn piece(&mut self, left: DataLeft, bytes: &mut BytesMut) -> Option<Frame> {
        let length = left.bytes.min(bytes.len()).min(MAX_PIECE_BYTES);
        if length == 0 && left.bytes > 0 {
            return None;
        }
        let rest = left.bytes - length;
        self.data = (rest > 0).then_some(DataLeft { bytes: rest, ..left });
        Some(Frame::Data {
            id: left.id,
            fin: left.fin && rest == 0,
            bytes: bytes.split_to(length).freeze(),
        })
    }

    fn control(&mut self, kind: u16, flags: u8, body: &[u8]) -> Result<Option<Frame>, FrameError> {
        let fin = flags & FLAG_FIN != 0;
        let mut words = Words { kind, rest: body };
        let frame = match kind {
            SYN_STREAM => {
                let id = words.next()? & LOW_31;
                words.next()?;
                words.skip(2)?;
                Frame::SynStream {
                    id,
                    fin,
                    unidirectional: flags & FLAG_UNIDIRECTIONAL != 0,
                    headers: self.inflater.expand(words.rest)?,
                }
            }
            SYN_REPLY => Frame::SynReply {
                id: words.next()? & LOW_31,
                fin,
                headers: self.inflater.expand(words.rest)?,
            },
            HEADERS => Frame::Headers {
                id: words.next()? & LOW_31,
                fin,
                headers: self.inflater.expand(words.rest)?,
            },
            RST_STREAM => Frame::RstStream {
                id: words.next()? & LOW_31,
                status: ResetStatus(words.next()?),
            },
            SETTINGS => Frame::Settings(words.settings()?),
            PING => Frame::Ping(words.next()?),
            GOAWAY => Frame::GoAway {
                last: words.next()? & LOW_31,
                status: words.next()?,
            },
            WINDOW_UPDATE => Frame::WindowUpdate {
                id: words.next()? & LOW_31,
                delta: words.next()? & LOW_31,
            },
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }
}

/// The body of a control frame, read word by word.
struct Words<'a> {
    kind: u16,
    rest: &'a [u8],
}

impl Words<'_> {
    fn next(&mut self) -> Result<u32, FrameError> {
        let (word, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(FrameError::Malformed(self.kind))?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*word))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), FrameError> {
        self.rest = self.rest.get(bytes..).ok_or(FrameError::Malformed(self.kind))?;
        Ok(())
    }

    fn settings(&mut self) -> Result<Vec<(u32, u32)>, FrameError> {
        let count = self.next()? as usize;
        if self.rest.len() != count.saturating_mul(8) {
            return Err(FrameError::Malformed(self.kind));
        }
        // The upper byte of the id is flags.
        (0..count)
            .map(|_| Ok((self.next()? & 0x00ff_ffff, self.next()?)))
            .collect()
    }
}
