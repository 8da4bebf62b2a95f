//! A body put together from shared pieces while it is written, so that a list of any size needs no more memory than the
//! frame under way.

use std::fmt;

use bytes::{Bytes, BytesMut};

/// Bytes of a frame, about: large enough that framing and encryption cost little, small enough to bound memory.
const FRAME_BYTES: usize = 64 << 10;

/// Pieces of at least this size go out as they are; smaller ones are gathered.
const OWN_FRAME_BYTES: usize = 32 << 10;

/// Gives the pieces of a body in order.
pub type Source = Box<dyn Iterator<Item = Bytes> + Send>;

/// A body made of pieces.
pub struct Pieces {
    source: Source,
    /// Taken from the source, not yet sent.
    ahead: Option<Bytes>,
    remaining: Option<u64>,
    ended: bool,
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces")
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}

impl Pieces {
    /// A body from `source`; of so many bytes, if that is known.
    pub fn new(length: Option<u64>, source: Source) -> Self {
        Self {
            source,
            ahead: None,
            remaining: length,
            ended: false,
        }
    }

    /// Bytes still to come, if that is known.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// Whether everything was given.
    pub fn is_ended(&self) -> bool {
        self.ended || self.remaining == Some(0)
    }

    /// The next frame; none at the end.
    pub fn next_frame(&mut self) -> Option<Bytes> {
        let mut gathered = BytesMut::new();
        while let Some(piece) = self.ahead.take().or_else(|| self.source.next()) {
            if piece.len() >= OWN_FRAME_BYTES {
                if gathered.is_empty() {
                    return Some(self.sent(piece));
                }
                self.ahead = Some(piece);
                break;
            }
            if gathered.is_empty() {
                let remaining = self.remaining.and_then(|r| usize::try_from(r).ok());
                gathered.reserve(remaining.unwrap_or(FRAME_BYTES).min(FRAME_BYTES));
            }
            gathered.extend_from_slice(&piece);
            if gathered.len() >= FRAME_BYTES - OWN_FRAME_BYTES {
                break;
            }
        }
        self.ended = gathered.is_empty();
        (!self.ended).then(|| self.sent(gathered.freeze()))
    }

    fn sent(&mut self, frame: Bytes) -> Bytes {
        self.remaining = self.remaining.map(|r| r.saturating_sub(frame.len() as u64));
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(lengths: &[usize]) -> Vec<usize> {
        let pieces: Vec<Bytes> = lengths.iter().map(|&n| Bytes::from(vec![b'x'; n])).collect();
        let total = lengths.iter().sum::<usize>() as u64;
        let mut body = Pieces::new(Some(total), Box::new(pieces.into_iter()));
        let found: Vec<usize> = std::iter::from_fn(|| body.next_frame())
            .map(|f| f.len())
            .collect();
        assert!(body.is_ended());
        found
    }

    #[test]
    fn small_pieces_are_gathered_and_large_ones_left_alone() {
        assert_eq!(frames(&[]), [0_usize; 0]);
        assert_eq!(frames(&[10, 20, 30]), [60]);
        assert_eq!(frames(&[10, 40_000, 10]), [10, 40_000, 10]);
        assert_eq!(frames(&[20_000, 20_000, 20_000]), [40_000, 20_000]);
    }
}
