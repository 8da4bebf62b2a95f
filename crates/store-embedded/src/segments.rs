//! The segments in use: where values are read from, and how much of each is still needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use store::{Key, KeyValue, StoreError};

use crate::disk::File;
use crate::format::checksum::Seal;
use crate::format::record::{RECORD_HEADER, Record};
use crate::version::{Location, Version};

/// A segment as readers see it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) number: u32,
    pub(crate) file: Arc<File>,
    pub(crate) seal: Seal,
}

#[derive(Debug)]
struct Segment {
    file: SegmentFile,
    /// How many bytes of its records the index points to.
    live_bytes: u64,
    /// How many bytes it takes.
    size: u64,
}

/// All segments that hold something.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    segments: BTreeMap<u32, Segment>,
}

/// A segment in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentUse {
    pub(crate) number: u32,
    pub(crate) live_bytes: u64,
    pub(crate) size: u64,
}

impl Segments {
    pub(crate) fn add(&mut self, file: SegmentFile, size: u64) {
        self.segments.insert(
            file.number,
            Segment {
                file,
                live_bytes: 0,
                size,
            },
        );
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.segments.remove(&number);
    }

    /// A segment that ended short of the size reserved for it.
    pub(crate) fn set_size(&mut self, number: u32, size: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.size = size;
        }
    }

    pub(crate) fn file(&self, number: u32) -> Option<&SegmentFile> {
        self.segments.get(&number).map(|segment| &segment.file)
    }

    /// The index points to a record.
    pub(crate) fn hold(&mut self, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment) {
            segment.live_bytes += u64::from(location.length);
        }
    }

    /// The index does not point to a record any more.
    pub(crate) fn release(&mut self, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment) {
            segment.live_bytes = segment.live_bytes.saturating_sub(location.length.into());
        }
    }

    pub(crate) fn uses(&self) -> impl Iterator<Item = SegmentUse> {
        self.segments.iter().map(|(&number, segment)| SegmentUse {
            number,
            live_bytes: segment.live_bytes,
            size: segment.size,
        })
    }

    /// Everything it takes to read the value of a version, also after the segment has been removed.
    pub(crate) fn locate(&self, key: &Key, version: &Version) -> Located {
        Located {
            key: key.clone(),
            version: *version,
            segment: self.file(version.location.segment).cloned(),
        }
    }
}

/// A version of a key whose value can be read.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    key: Key,
    version: Version,
    segment: Option<SegmentFile>,
}

impl Located {
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
        let segment = self
            .segment
            .as_ref()
            .expect("a segment is kept as long as the index points to it");
        let value = segment.read_value(&self.key, &self.version)?;
        Ok(self.version.key_value(self.key.clone(), value))
    }
}

impl SegmentFile {
    fn read_value(&self, key: &[u8], version: &Version) -> Result<Bytes, StoreError> {
        let Location { offset, length, .. } = version.location;
        let bytes = self.file.read_exact(offset.into(), length as usize)?;
        let corrupt = |problem: &str| self.file.corrupt(offset.into(), problem);
        let record = Record::decode(&bytes, self.seal).map_err(corrupt)?;
        if record.key != key || record.revision != version.revision {
            return Err(corrupt("the record is of another key"));
        }
        let start = RECORD_HEADER + key.len();
        Ok(Bytes::from(bytes).slice(start..))
    }
}
