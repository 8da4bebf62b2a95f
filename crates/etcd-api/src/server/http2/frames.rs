//! Frames of HTTP/2 (RFC 9113, section 4 and 6): what stands before each.

/// What stands before a frame's payload.
pub(super) const FRAME_HEADER: usize = 9;
/// No frame is larger, either way: what everybody takes who was not asked.
pub(super) const MAX_FRAME: usize = 16 << 10;

/// Kinds of frames.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags of frames.
pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;

/// Settings.
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// Why a connection or a stream is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Code {
    NoError = 0,
    Protocol = 1,
    Internal = 2,
    FlowControl = 3,
    FrameSize = 6,
    Refused = 7,
    Compression = 9,
    Calm = 11,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHeader {
    /// What stands at the beginning of some bytes, if it is whole.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<FRAME_HEADER>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            // The first bit says nothing.
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
        })
    }

    /// As it is sent.
    pub(super) fn bytes(self) -> [u8; FRAME_HEADER] {
        let [.., a, b, c] = self.length.to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What is in the payload of data or headers, without what surrounds it.
    pub(super) fn content(self, payload: &[u8]) -> Result<&[u8], Code> {
        let (padding, rest) = match payload.split_first() {
            Some((padding, rest)) if self.has(PADDED) => (usize::from(*padding), rest),
            None if self.has(PADDED) => return Err(Code::Protocol),
            _ => (0, payload),
        };
        let before = if self.kind == HEADERS && self.has(WITH_PRIORITY) {
            5
        } else {
            0
        };
        let end = rest.len().checked_sub(padding).ok_or(Code::Protocol)?;
        rest.get(before..end).ok_or(Code::Protocol)
    }
}

/// Whether a kind of frame is about one request (`Some(true)`), about the connection, or about either.
pub(super) fn is_about_stream(kind: u8) -> Option<bool> {
    match kind {
        DATA | HEADERS | PRIORITY | RESET | CONTINUATION | PUSH_PROMISE => Some(true),
        SETTINGS | PING | GO_AWAY => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_frame_is_written_as_it_is_read() {
        let header = FrameHeader {
            length: 0x01_02_03,
            kind: HEADERS,
            flags: END_HEADERS,
            stream: 0x7f_00_00_01,
        };
        let bytes = header.bytes();
        assert_eq!(bytes, [1, 2, 3, 1, 4, 0x7f, 0, 0, 1]);
        assert_eq!(FrameHeader::of(&bytes), Some(header));
        assert_eq!(FrameHeader::of(&bytes[1..]), None);
    }

    #[test]
    fn padding_and_priority_are_left_out() {
        let content = |kind, flags, payload: &'static [u8]| {
            let header = FrameHeader {
                length: payload.len(),
                kind,
                flags,
                stream: 1,
            };
            header.content(payload)
        };
        assert_eq!(content(DATA, 0, &[1, 2]), Ok(&[1, 2][..]));
        assert_eq!(content(DATA, PADDED, &[1, 7, 0]), Ok(&[7][..]));
        assert_eq!(content(HEADERS, WITH_PRIORITY, &[0, 0, 0, 0, 0, 7]), Ok(&[7][..]));
        assert_eq!(
            content(HEADERS, WITH_PRIORITY | PADDED, &[1, 0, 0, 0, 0, 0, 7, 0]),
            Ok(&[7][..])
        );
        assert_eq!(content(DATA, PADDED, &[3, 7, 0]), Err(Code::Protocol));
        assert_eq!(content(DATA, PADDED, &[]), Err(Code::Protocol));
        assert_eq!(content(HEADERS, WITH_PRIORITY, &[0, 0]), Err(Code::Protocol));
    }
}
