//! Frames: the groups of records that are written and synced together.
//!
//! There is at most one frame that is not known to be durable: the next is written only when the one before
//! is. So a frame that cannot be read is an unfinished write if it is the last, and damage if a valid one
//! follows.

use super::Problem;
use super::checksum::Seal;
use super::fields::Fields;
use super::record::Record;

/// How many bytes stand before a frame's records.
pub(crate) const FRAME_HEADER: usize = 40;

/// Frames begin at multiples of this.
const ALIGNMENT: usize = 8;

const MAGIC: u32 = u32::from_le_bytes(*b"PNTF");

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Frames are numbered through the whole life of a store, without gaps.
    pub(crate) sequence: u64,
    /// The revision of the store with this frame.
    pub(crate) revision: u64,
    /// How many bytes of records follow, without padding.
    length: u32,
}

impl FrameHeader {
    /// The whole length of the frame, padding included.
    fn frame_length(self) -> usize {
        (FRAME_HEADER + self.length as usize).next_multiple_of(ALIGNMENT)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        fields.u64()?;
        if fields.u32()? != MAGIC {
            return None;
        }
        let length = fields.u32()?;
        Some(Self {
            length,
            sequence: fields.counter()?,
            revision: fields.counter()?,
        })
    }
}

/// Begins a frame at the end of `out`; records follow.
pub(crate) fn begin(out: &mut Vec<u8>) {
    debug_assert_eq!(out.len() % ALIGNMENT, 0, "frames are aligned");
    out.extend_from_slice(&[0; FRAME_HEADER]);
}

/// Finishes the frame that began at `start` and fills the rest of `out`.
pub(crate) fn finish(out: &mut Vec<u8>, start: usize, sequence: u64, revision: u64, seal: Seal) {
    let length = u32::try_from(out.len() - start - FRAME_HEADER).expect("a frame is far smaller than 4 GiB");
    let header = &mut out[start..start + FRAME_HEADER];
    header[8..12].copy_from_slice(&MAGIC.to_le_bytes());
    header[12..16].copy_from_slice(&length.to_le_bytes());
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    header[24..32].copy_from_slice(&revision.to_le_bytes());
    seal.close(&mut out[start..]);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

/// A frame that is as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FrameHeader,
    /// Where the frame's first record lies.
    records_offset: usize,
    records: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at an offset of a segment, if there is a valid one.
    pub(crate) fn at(segment: &'a [u8], offset: usize, seal: Seal) -> Option<Self> {
        let bytes = segment.get(offset..)?;
        let header = FrameHeader::parse(bytes)?;
        let covered = bytes.get(..FRAME_HEADER + header.length as usize)?;
        seal.holds(covered).then(|| Self {
            header,
            records_offset: offset + FRAME_HEADER,
            records: &covered[FRAME_HEADER..],
        })
    }

    /// Where the next frame begins.
    pub(crate) fn end(&self) -> usize {
        self.records_offset - FRAME_HEADER + self.header.frame_length()
    }

    /// The records with their offsets in the segment and their lengths.
    pub(crate) fn records(self) -> impl Iterator<Item = Result<(Record<'a>, u32, u32), (usize, Problem)>> {
        let mut rest = self.records;
        let mut offset = self.records_offset;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let parsed = Record::parse(rest).and_then(|(record, length)| {
                let place = u32::try_from(offset).map_err(|_| "a segment is too large")?;
                Ok((
                    record,
                    place,
                    u32::try_from(length).map_err(|_| "a record is too large")?,
                    length,
                ))
            });
            match parsed {
                Ok((record, place, record_length, length)) => {
                    rest = &rest[length..];
                    offset += length;
                    Some(Ok((record, place, record_length)))
                }
                Err(problem) => {
                    rest = &[];
                    Some(Err((offset, problem)))
                }
            }
        })
    }
}

/// The first valid frame at or after an offset, wherever it begins.
pub(crate) fn find(segment: &[u8], offset: usize, seal: Seal) -> Option<usize> {
    (offset.next_multiple_of(ALIGNMENT)..segment.len())
        .step_by(ALIGNMENT)
        .find(|&offset| Frame::at(segment, offset, seal).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal::new([1; 16], 1, 1)
    }

    fn two_frames() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        let mut second = 0;
        for sequence in 1..=2 {
            second = bytes.len();
            begin(&mut bytes);
            Record::delete(b"key", sequence).encode(seal(), &mut bytes);
            Record::delete(b"other", sequence).encode(seal(), &mut bytes);
            finish(&mut bytes, second, sequence, sequence * 10, seal());
        }
        (bytes, second)
    }

    #[test]
    fn frames_follow_each_other() {
        let (bytes, second) = two_frames();
        let first = Frame::at(&bytes, 0, seal()).expect("it was written");
        assert_eq!(
            (first.header.sequence, first.header.revision, first.end()),
            (1, 10, second)
        );
        let keys: Vec<_> = first
            .records()
            .map(|record| record.expect("it was written").0.key)
            .collect();
        assert_eq!(keys, [&b"key"[..], b"other"]);
        for record in first.records() {
            let (record, offset, length) = record.expect("it was written");
            let place = offset as usize..(offset + length) as usize;
            assert_eq!(Record::decode(&bytes[place], seal()), Ok(record));
        }
        assert_eq!(
            Frame::at(&bytes, second, seal()).map(|frame| frame.end()),
            Some(bytes.len())
        );
        assert!(Frame::at(&bytes, bytes.len(), seal()).is_none());
    }

    #[test]
    fn a_later_frame_is_found_behind_damage() {
        let (mut bytes, second) = two_frames();
        bytes[17] ^= 1;
        assert!(Frame::at(&bytes, 0, seal()).is_none());
        assert_eq!(find(&bytes, 0, seal()), Some(second));
        assert_eq!(find(&bytes, second + 1, seal()), None);
    }
}
