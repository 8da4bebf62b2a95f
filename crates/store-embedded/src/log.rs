//! The end of the log: where frames are written, one at a time, each durable before the next.

use std::sync::Arc;

use store::StoreError;

use crate::disk::{File, Folder};
use crate::format::checkpoint::Position;
use crate::format::checksum::Seal;
use crate::format::frame::{self, FRAME_HEADER};
use crate::format::identity::Identity;
use crate::format::segment::{self, SEGMENT_HEADER, SegmentHeader};
use crate::segments::SegmentFile;

/// Writes frames.
///
/// After a failed write nobody knows what lies on disk, and after a failed sync nobody can find out: the
/// kernel forgets what it could not write. So the segment is given up at the last frame that is known to be
/// good, and the next frame goes to a new one, whose header says so.
#[derive(Debug)]
pub(crate) struct Log {
    folder: Folder,
    identity: Identity,
    segment_bytes: u32,
    /// The segment that is written to, if there is a good one.
    active: Option<Active>,
    /// A segment made ahead of its use.
    spare: Option<Spare>,
    next_number: u32,
    /// The place after the last good frame.
    position: Position,
    /// The frame that is being built, behind the segment's header if it is the segment's first.
    buffer: Vec<u8>,
    frame_start: usize,
}

#[derive(Debug)]
struct Active {
    segment: SegmentFile,
    capacity: u64,
    /// Where the next frame goes. Zero as long as not even the header is written.
    end: u64,
    /// Up to here something has been written already, if only zeros: to write there again changes nothing but
    /// data, and needs fewer disk operations to be durable.
    filled: u64,
    frames: u64,
}

/// Where frames are so large on average, there is no need to fill segments ahead: what that saves is the same for each frame.
const LARGE_FRAME: u64 = 64 << 10;

/// A segment that was not filled ahead of its use is filled in steps of this, with the frames.
const FILLED_AT_ONCE: u64 = 128 << 10;

/// A segment that is ready to be written to.
#[derive(Debug)]
pub(crate) struct Spare {
    number: u32,
    file: File,
    capacity: u64,
    filled: u64,
}

/// A frame that is being built.
pub(crate) struct FrameSlot<'a> {
    /// The segment it will be in.
    pub(crate) segment: SegmentFile,
    pub(crate) seal: Seal,
    buffer: &'a mut Vec<u8>,
    buffer_offset: u64,
}

/// A log that is full has a new segment, of which readers must know.
pub(crate) type NewSegment = Option<(SegmentFile, u64)>;

impl Log {
    /// A log that goes on at `position`, with segments from `next_number` on.
    pub(crate) fn new(
        folder: Folder,
        identity: Identity,
        segment_bytes: u32,
        position: Position,
        next_number: u32,
    ) -> Self {
        Self {
            folder,
            identity,
            segment_bytes,
            active: None,
            spare: None,
            next_number,
            position,
            buffer: Vec::new(),
            frame_start: 0,
        }
    }

    /// The place after the last good frame.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The segment that is written to. Older ones do not change any more.
    pub(crate) fn active_number(&self) -> Option<u32> {
        self.active.as_ref().map(|active| active.segment.number)
    }

    /// Makes sure that a frame with so many bytes of records fits into the active segment; takes a new one if
    /// it does not.
    pub(crate) fn ensure_room(&mut self, record_bytes: usize) -> Result<NewSegment, StoreError> {
        let needed = (SEGMENT_HEADER + FRAME_HEADER + record_bytes + 8) as u64;
        if let Some(active) = &self.active
            && active.end + needed <= active.capacity
        {
            return Ok(None);
        }
        let spare = match self.spare.take() {
            Some(spare) if spare.capacity >= needed => spare,
            too_small => {
                // Segments are used in the order of their numbers, so that a spare one that is passed over is
                // of no use any more.
                if let Some(spare) = too_small {
                    self.folder.remove(&segment::file_name(spare.number))?;
                }
                let number = self.take_number();
                Spare::make(&self.folder, number, needed.max(self.segment_bytes.into()))?
            }
        };
        if let Some(finished) = self.active.take() {
            // Only to give space back that was reserved; where the segment ends is in the header of the next.
            let _ = finished
                .segment
                .file
                .truncate(finished.end.max(SEGMENT_HEADER as u64));
        }
        let seal = segment::seal(self.identity, spare.number);
        let segment = SegmentFile {
            number: spare.number,
            file: Arc::new(spare.file),
            seal,
        };
        self.active = Some(Active {
            segment: segment.clone(),
            capacity: spare.capacity,
            end: 0,
            filled: spare.filled,
            frames: 0,
        });
        Ok(Some((segment, spare.capacity)))
    }

    /// Begins a frame in the active segment. There must be [room](Self::ensure_room) for it.
    pub(crate) fn begin(&mut self) -> FrameSlot<'_> {
        let active = self.active.as_ref().expect("room was made");
        let segment = active.segment.clone();
        self.buffer.clear();
        if active.end == 0 {
            let header = SegmentHeader {
                first_sequence: self.position.sequence,
                previous: self.position.segment,
                previous_end: self.position.offset,
            };
            header.encode(segment.seal, &mut self.buffer);
        }
        self.frame_start = self.buffer.len();
        frame::begin(&mut self.buffer);
        FrameSlot {
            seal: segment.seal,
            segment,
            buffer: &mut self.buffer,
            buffer_offset: active.end,
        }
    }

    /// Writes the frame that was begun, durably. If that fails, the frame is given up.
    pub(crate) fn append(&mut self, revision: u64) -> Result<(), StoreError> {
        let active = self.active.as_mut().expect("the frame was begun in it");
        let sequence = self.position.sequence;
        frame::finish(
            &mut self.buffer,
            self.frame_start,
            sequence,
            revision,
            active.segment.seal,
        );
        let length = self.buffer.len();
        let end = active.end + length as u64;
        if end > active.filled {
            active.filled = end.next_multiple_of(FILLED_AT_ONCE).min(active.capacity).max(end);
            let zeros = usize::try_from(active.filled - end).expect("no more than is filled at once");
            self.buffer.resize(length + zeros, 0);
        }
        let file = &active.segment.file;
        let written = file.write(&self.buffer, active.end).and_then(|()| file.sync());
        self.buffer.truncate(length);
        if let Err(error) = written {
            self.active = None;
            return Err(error);
        }
        active.end = end;
        active.frames += 1;
        self.position = Position {
            segment: active.segment.number,
            offset: active.end,
            sequence: sequence + 1,
        };
        // One very large frame should not take its memory for ever.
        self.buffer.shrink_to(self.segment_bytes as usize / 4);
        Ok(())
    }

    /// How long the frame is that was written last, or was to be.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.buffer.len() - self.frame_start
    }

    /// Whether a segment should be made ahead: there is none, and the active one is half full. A store that
    /// is hardly written to needs none.
    pub(crate) fn wants_spare(&self) -> bool {
        let half_full = |active: &Active| active.end > active.capacity / 2;
        self.spare.is_none() && self.active.as_ref().is_some_and(half_full)
    }

    /// Whether frames are large at present.
    pub(crate) fn has_large_frames(&self) -> bool {
        let large = |active: &Active| active.end >= active.frames * LARGE_FRAME;
        self.active.as_ref().is_some_and(large)
    }

    /// Takes a spare segment; gives it back if it comes too late.
    pub(crate) fn offer_spare(&mut self, spare: Spare) -> Option<Spare> {
        let newest = self
            .active_number()
            .unwrap_or_default()
            .max(self.position.segment);
        if self.spare.is_some() || spare.number < newest {
            return Some(spare);
        }
        self.spare = Some(spare);
        None
    }

    /// A number for a segment that is to be made.
    pub(crate) fn take_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }
}

impl FrameSlot<'_> {
    /// Where the records go.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer
    }

    /// Where in the segment the next record will lie.
    pub(crate) fn next_offset(&self) -> u32 {
        u32::try_from(self.buffer_offset + self.buffer.len() as u64).expect("segments are smaller than 4 GiB")
    }
}

impl Spare {
    /// Makes a segment and reserves its space, durably.
    pub(crate) fn make(folder: &Folder, number: u32, capacity: u64) -> Result<Self, StoreError> {
        let name = segment::file_name(number);
        let file = folder.create(&name)?;
        if let Err(error) = file
            .reserve(capacity)
            .and_then(|()| file.sync())
            .and_then(|()| folder.sync())
        {
            // On a full disk the space counts. What cannot be removed is removed at the next start.
            let _ = folder.remove(&name);
            return Err(error);
        }
        Ok(Self {
            number,
            file,
            capacity,
            filled: 0,
        })
    }

    /// Writes zeros all over the segment, durably.
    pub(crate) fn fill(&mut self) -> Result<(), StoreError> {
        let zeros = vec![0; 256 << 10];
        let mut offset = 0;
        while offset < self.capacity {
            let length = zeros
                .len()
                .min(usize::try_from(self.capacity - offset).unwrap_or(usize::MAX));
            self.file.write(&zeros[..length], offset)?;
            offset += length as u64;
        }
        self.file.sync()?;
        self.filled = self.capacity;
        Ok(())
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}
