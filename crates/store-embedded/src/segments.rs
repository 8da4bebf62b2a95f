//! The segments in use: where values are read from, and how much of each is still needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::Key;

use crate::disk::File;
use crate::format::checksum::Seal;
use crate::located::Located;
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
        Located::new(
            key.clone(),
            *version,
            self.file(version.location.segment).cloned(),
        )
    }
}
