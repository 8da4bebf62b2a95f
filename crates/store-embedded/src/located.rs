//! Values that are known to lie somewhere, and reading them.

use bytes::Bytes;
use store::{Key, KeyValue, StoreError};

use crate::disk::File;
use crate::format::record::{RECORD_HEADER, Record};
use crate::format::segment;
use crate::segments::SegmentFile;
use crate::version::{Location, Version};

/// Records that lie so close to each other are read together.
const GAP: u32 = 2 << 10;

/// So much is read at once.
const RUN_BYTES: u32 = 256 << 10;

/// A version of a key whose value can be read.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    key: Key,
    version: Version,
    segment: Option<SegmentFile>,
}

impl Located {
    /// A version of a key, and the segment its value lies in.
    pub(crate) fn new(key: Key, version: Version, segment: Option<SegmentFile>) -> Self {
        Self {
            key,
            version,
            segment,
        }
    }

    /// The key without its value.
    pub(crate) fn without_value(&self) -> KeyValue {
        self.version.key_value(self.key.clone(), Bytes::new())
    }

    /// When the key expires, in milliseconds since 1970.
    pub(crate) fn expires_ms(&self) -> Option<u64> {
        (self.version.expires_ms > 0).then_some(self.version.expires_ms)
    }

    /// Reads the value, and checks that it is what was written.
    pub(crate) fn read(&self) -> Result<KeyValue, StoreError> {
        let Location { offset, length, .. } = self.version.location;
        let record = self.file()?.read_exact(offset.into(), length as usize)?;
        self.take_value(record)
    }

    /// Reads like [`read`](Self::read) if that takes no waiting for the disk.
    pub(crate) fn read_cached(&self) -> Result<Option<KeyValue>, StoreError> {
        let Location { offset, length, .. } = self.version.location;
        let mut record = vec![0; length as usize];
        if !self.file()?.fill_cached(&mut record, offset.into())? {
            return Ok(None);
        }
        self.take_value(record).map(Some)
    }

    fn take_value(&self, bytes: Vec<u8>) -> Result<KeyValue, StoreError> {
        let value = match self.open(&bytes)?.1 {
            Some(unpacked) => unpacked.into(),
            None => Bytes::from(bytes).slice(RECORD_HEADER + self.key.len()..),
        };
        Ok(self.version.key_value(self.key.clone(), value))
    }

    /// Refuses bytes that are not the record that was written. Gives the record, and the value if it is not stored as it is.
    fn open<'a>(&self, bytes: &'a [u8]) -> Result<(Record<'a>, Option<Vec<u8>>), StoreError> {
        let segment = self.segment()?;
        let corrupt = |problem: &str| {
            let offset = self.version.location.offset;
            segment.file.corrupt(offset.into(), problem)
        };
        let record = Record::decode(bytes, segment.seal).map_err(corrupt)?;
        if record.key != &*self.key || record.revision != self.version.revision {
            return Err(corrupt("the record is of another key"));
        }
        let unpacked = record.unpacked().map_err(corrupt)?;
        Ok((record, unpacked))
    }

    /// A segment is kept as long as the index points to it, unless the index itself is damaged.
    fn segment(&self) -> Result<&SegmentFile, StoreError> {
        let Location { segment, offset, .. } = self.version.location;
        self.segment.as_ref().ok_or_else(|| StoreError::Corrupt {
            path: segment::file_name(segment).into(),
            offset: offset.into(),
            problem: "the index points to it, and it is not there".to_owned(),
        })
    }

    fn file(&self) -> Result<&File, StoreError> {
        Ok(&self.segment()?.file)
    }
}

/// Reads values, in any order that suits the disk; gives them in their own.
pub(crate) fn read_all(located: &[Located]) -> Result<Vec<KeyValue>, StoreError> {
    let mut order: Vec<(Location, usize)> = located
        .iter()
        .enumerate()
        .map(|(place, located)| (located.version.location, place))
        .collect();
    order.sort_unstable_by_key(|(location, _)| (location.segment, location.offset));
    let mut found: Vec<Option<KeyValue>> = vec![None; located.len()];
    let mut rest = &order[..];
    while !rest.is_empty() {
        let (run, others) = rest.split_at(run_length(rest));
        rest = others;
        read_run(located, run, &mut found)?;
    }
    Ok(found.into_iter().flatten().collect())
}

/// How many of these records, which are in the order of the disk, are read at once.
fn run_length(order: &[(Location, usize)]) -> usize {
    let (first, _) = order[0];
    let mut end = first.offset + first.length;
    let joins = |(next, _): &&(Location, usize)| {
        let joined = next.segment == first.segment
            && next.offset <= end.saturating_add(GAP)
            && next.offset + next.length - first.offset <= RUN_BYTES;
        end = end.max(next.offset + next.length);
        joined
    };
    1 + order[1..].iter().take_while(joins).count()
}

fn read_run(
    located: &[Located],
    run: &[(Location, usize)],
    found: &mut [Option<KeyValue>],
) -> Result<(), StoreError> {
    if let [(_, place)] = run {
        found[*place] = Some(located[*place].read()?);
        return Ok(());
    }
    let (first, place) = run[0];
    // The last record ends last, unless a damaged index has one in another.
    let ends = run.iter().map(|(location, _)| location.offset + location.length);
    let length = ends.max().map_or(0, |end| end - first.offset);
    let bytes = located[place]
        .file()?
        .read_exact(first.offset.into(), length as usize)?;
    for (location, place) in run {
        let start = (location.offset - first.offset) as usize;
        let record = &bytes[start..start + location.length as usize];
        let located = &located[*place];
        let value = match located.open(record)? {
            (_, Some(unpacked)) => Bytes::from(unpacked),
            // A copy, so that a value that is kept does not keep its neighbours.
            (record, None) => Bytes::copy_from_slice(record.value),
        };
        found[*place] = Some(located.version.key_value(located.key.clone(), value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together() {
        let at = |segment, offset, length| {
            let location = Location {
                segment,
                offset,
                length,
            };
            (location, 0)
        };
        let cases: &[(&[(Location, usize)], usize)] = &[
            (&[at(1, 100, 50)], 1),
            (&[at(1, 100, 50), at(1, 150, 50), at(1, 200 + GAP, 10)], 3),
            (&[at(1, 100, 50), at(1, 151 + GAP, 50)], 1),
            (&[at(1, 100, 50), at(2, 150, 50)], 1),
            (
                &[
                    at(1, 0, RUN_BYTES - 10),
                    at(1, RUN_BYTES - 10, 10),
                    at(1, RUN_BYTES, 1),
                ],
                2,
            ),
            (&[at(1, 0, 2 * RUN_BYTES), at(1, 2 * RUN_BYTES, 10)], 1),
        ];
        for (order, together) in cases {
            assert_eq!(run_length(order), *together, "{order:?}");
        }
    }
}
