//! Bringing what is still needed out of a segment, so that the segment can go.

use store::StoreError;

use super::{Engine, State};
use crate::disk::File;
use crate::format::frame::Frame;
use crate::format::record::Record;
use crate::format::segment::SEGMENT_HEADER;
use crate::segments::SegmentFile;
use crate::version::Location;

/// So many bytes are moved before commits get a turn at the log.
const MOVE_AT_ONCE: usize = 256 << 10;

/// A record that was needed when it was looked at.
struct Needed<'a> {
    record: Record<'a>,
    from: Location,
}

impl Engine {
    /// Writes everything that the index needs of an old segment to the end of the log.
    pub(crate) fn relocate(&self, number: u32) -> Result<(), StoreError> {
        let Some(segment) = self.state.read().segments.file(number).cloned() else {
            return Ok(());
        };
        let bytes = segment.file.read_all()?;
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        for needed in self.needed_records(&segment, &bytes)? {
            batch_bytes += needed.from.length as usize;
            batch.push(needed);
            if batch_bytes >= MOVE_AT_ONCE {
                self.move_records(&std::mem::take(&mut batch), batch_bytes)?;
                batch_bytes = 0;
            }
        }
        if batch.is_empty() {
            Ok(())
        } else {
            self.move_records(&batch, batch_bytes)
        }
    }

    /// The records of a segment that the index points to. It is an error if they are not all there.
    fn needed_records<'a>(
        &self,
        segment: &SegmentFile,
        bytes: &'a [u8],
    ) -> Result<Vec<Needed<'a>>, StoreError> {
        let mut needed = Vec::new();
        let mut found_bytes = 0;
        let mut offset = SEGMENT_HEADER;
        while let Some(frame) = Frame::at(bytes, offset, segment.seal) {
            offset = frame.end();
            let state = self.state.read();
            for record in frame.records() {
                let (record, place, length) =
                    record.map_err(|(at, problem)| corrupt(&segment.file, at, problem))?;
                let from = Location {
                    segment: segment.number,
                    offset: place,
                    length,
                };
                if state.needs(&record, from) {
                    found_bytes += u64::from(length);
                    needed.push(Needed { record, from });
                }
            }
        }
        let used = self
            .state
            .read()
            .segments
            .uses()
            .find(|used| used.number == segment.number);
        if used.is_some_and(|used| used.live_bytes > found_bytes) {
            return Err(corrupt(
                &segment.file,
                offset,
                "the frames end before all records that are needed",
            ));
        }
        Ok(needed)
    }

    fn move_records(&self, batch: &[Needed<'_>], batch_bytes: usize) -> Result<(), StoreError> {
        let mut log = self.log.lock();
        let moves: Vec<(&Needed<'_>, Location)> = self.append_records_to(&mut log, batch_bytes, |slot| {
            let records = batch.iter().map(|needed| {
                let record = Record {
                    kind: needed.record.kind.moved(),
                    ..needed.record
                };
                (needed, slot.push(&record))
            });
            records.collect()
        })?;
        let mut state = self.state.write();
        for (needed, to) in moves {
            let record = &needed.record;
            if state.index.relocate(record.key, record.revision, needed.from, to) {
                state.segments.hold(to);
                state.segments.release(needed.from);
            }
        }
        Ok(())
    }
}

impl State {
    fn needs(&self, record: &Record<'_>, at: Location) -> bool {
        record.kind.has_value()
            && self
                .index
                .exactly(record.key, record.revision)
                .is_some_and(|version| version.location == at)
    }
}

fn corrupt(file: &File, offset: usize, problem: &str) -> StoreError {
    file.corrupt(offset as u64, problem)
}
