//! Reading all frames of all segments, one after the other, and past damage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{Key, StoreError};

use super::Report;
use crate::disk::{File, Folder};
use crate::format::checksum::Seal;
use crate::format::frame::{self, Frame};
use crate::format::identity::Identity;
use crate::format::record::{Record, RecordKind};
use crate::format::segment::{self, SEGMENT_HEADER, SegmentHeader};

/// A change, and where its record lies.
#[derive(Debug)]
pub(super) struct FoundChange {
    pub(super) key: Key,
    pub(super) revision: u64,
    pub(super) path: Arc<Path>,
    pub(super) offset: u64,
}

/// What the log holds.
#[derive(Debug)]
pub(super) struct Walk {
    /// Changes after this revision are kept.
    after: u64,
    pub(super) changes: Vec<FoundChange>,
}

/// Reads every segment that has a header, and lists the changes `after` a revision. What cannot be read goes into the report,
/// with its place.
pub(super) fn walk(
    folder: &Folder,
    identity: Identity,
    names: &[String],
    after: u64,
    report: &mut Report,
) -> Result<Walk, StoreError> {
    let mut segments = BTreeMap::new();
    // By segment: where its frames end, as the next one says.
    let mut ends = BTreeMap::new();
    for number in names.iter().filter_map(|name| segment::number(name)) {
        let file = folder.open(&segment::file_name(number))?;
        let seal = segment::seal(identity, number);
        let mut header = vec![0; SEGMENT_HEADER];
        let length = file.read(&mut header, 0)?;
        // Whether a file without a header may be one is judged when the store is recovered.
        if let Some(header) = SegmentHeader::decode(&header[..length], seal) {
            ends.insert(header.previous, header.previous_end);
            segments.insert(number, (file, seal));
        }
    }
    let mut walk = Walk {
        after,
        changes: Vec::new(),
    };
    for (number, (file, seal)) in segments {
        walk.segment(&file, seal, ends.get(&number).copied(), report)?;
    }
    Ok(walk)
}

impl Walk {
    /// Reads a segment up to `end`. Where that is not known, what follows on the last frame is an unfinished write or nothing.
    fn segment(
        &mut self,
        file: &File,
        seal: Seal,
        end: Option<u64>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let bytes = file.read_all()?;
        let path: Arc<Path> = PathBuf::clone(&file.path).into();
        let end = end.map(|end| usize::try_from(end).unwrap_or(usize::MAX));
        let mut offset = SEGMENT_HEADER;
        while end.is_none_or(|end| offset < end) {
            let Some(frame) = Frame::at(&bytes, offset, seal) else {
                let next = frame::find(&bytes, offset, seal).filter(|next| end.is_none_or(|end| *next < end));
                if end.is_some() || next.is_some() {
                    report.note(file.corrupt(offset as u64, "a frame is damaged"))?;
                }
                match next {
                    Some(next) => offset = next,
                    None => return Ok(()),
                }
                continue;
            };
            self.frame(frame, &bytes, file, seal, &path, report)?;
            offset = frame.end();
        }
        Ok(())
    }

    fn frame(
        &mut self,
        frame: Frame<'_>,
        bytes: &[u8],
        file: &File,
        seal: Seal,
        path: &Arc<Path>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        for record in frame.records() {
            let (record, offset, length) = match record {
                Ok(found) => found,
                Err((offset, problem)) => return report.note(file.corrupt(offset as u64, problem)),
            };
            report.records += 1;
            let place = offset as usize..offset as usize + length as usize;
            if let Err(problem) = Record::decode(&bytes[place], seal) {
                report.note(file.corrupt(offset.into(), problem))?;
            }
            let is_change = matches!(
                record.kind,
                RecordKind::Put | RecordKind::PackedPut | RecordKind::Delete
            );
            if is_change && record.revision > self.after {
                self.changes.push(FoundChange {
                    key: Key::from(record.key),
                    revision: record.revision,
                    path: path.clone(),
                    offset: offset.into(),
                });
            }
        }
        Ok(())
    }
}
