//! Segments: the files of the log.
//!
//! A segment is made ahead of its use, filled with zeros. Its header is written together with its first
//! frame, so that a segment without a valid header was never used.

use super::checksum::Seal;
use super::fields::Fields;
use super::identity::Identity;

/// How many bytes stand before a segment's first frame.
pub(crate) const SEGMENT_HEADER: usize = 64;

const MAGIC: [u8; 8] = *b"PNTLLOG1";
const SEAL_KIND: u64 = 1;
const SUFFIX: &str = ".log";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The sequence number of its first frame.
    pub(crate) first_sequence: u64,
    /// The segment before it, zero if there is none. Numbers between the two belong to segments that failed
    /// before they held anything.
    pub(crate) previous: u32,
    /// Where the valid frames of that segment end. Whatever stands behind was given up.
    pub(crate) previous_end: u64,
}

impl SegmentHeader {
    /// Appends the header.
    pub(crate) fn encode(&self, seal: Seal, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&u64::from(self.previous).to_le_bytes());
        out.extend_from_slice(&self.previous_end.to_le_bytes());
        out.resize(start + SEGMENT_HEADER, 0);
        seal.close(&mut out[start..]);
    }

    /// Reads the header of a segment; `None` if it has no valid one.
    pub(crate) fn decode(segment: &[u8], seal: Seal) -> Option<Self> {
        let header = segment.get(..SEGMENT_HEADER)?;
        if !seal.holds(header) {
            return None;
        }
        let mut fields = Fields::new(&header[8..]);
        if fields.array()? != MAGIC {
            return None;
        }
        let first_sequence = fields.counter()?;
        let previous = u32::try_from(fields.u64()?).ok()?;
        Some(Self {
            first_sequence,
            previous,
            previous_end: fields.u64()?,
        })
    }
}

/// Whether a segment begins like one that was used, whatever its checksum says.
pub(crate) fn looks_used(header: &[u8]) -> bool {
    header.get(8..16) == Some(&MAGIC[..])
}

/// The seal of a segment.
pub(crate) fn seal(identity: Identity, number: u32) -> Seal {
    Seal::new(identity.store, SEAL_KIND, u64::from(number))
}

/// The name of a segment's file.
pub(crate) fn file_name(number: u32) -> String {
    format!("{number:010}{SUFFIX}")
}

/// The number of the segment with this file name; `None` if it is none.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 10).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        let seal = seal(Identity { store: [3; 16] }, 8);
        let header = SegmentHeader {
            first_sequence: 5,
            previous: 6,
            previous_end: 700,
        };
        let mut bytes = Vec::new();
        header.encode(seal, &mut bytes);
        assert_eq!(bytes.len(), SEGMENT_HEADER);
        assert_eq!(SegmentHeader::decode(&bytes, seal), Some(header));
        bytes[40] ^= 1;
        assert_eq!(SegmentHeader::decode(&bytes, seal), None);
        assert_eq!(SegmentHeader::decode(&[0; 4096], seal), None);
    }

    #[test]
    fn names_are_numbers() {
        assert_eq!(number(&file_name(12)), Some(12));
        for name in ["12.log", "0000000012.checkpoint", "000000001x.log", "FORMAT"] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
