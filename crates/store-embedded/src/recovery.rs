//! Reading a store back from its files, without changing any of them.
//!
//! The last checkpoint gives the index as it was at one place of the log; the frames behind that place bring
//! it up to date. A frame that cannot be read ends the log if nothing valid follows it: it was being written
//! when the store stopped, and nobody was told that it was. Anything else that cannot be read is damage, and
//! damage is an error, never an end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use store::{Key, StoreError};

use crate::disk::Folder;
use crate::format::Problem;
use crate::format::checkpoint::{
    self, BLOCK_HEADER, Block, CHECKPOINT_HEADER, CheckpointHeader, Position, block_length, read_block,
};
use crate::format::end;
use crate::format::frame::{self, Frame};
use crate::format::identity::Identity;
use crate::format::record::{Record, RecordKind};
use crate::format::segment::{self, SEGMENT_HEADER, SegmentHeader};
use crate::history::{Change, ChangeKind};
use crate::index::Index;
use crate::segments::{SegmentFile, Segments};
use crate::version::{Location, Version, Versions};

/// A segment that was made ahead of its use has zeros everywhere. So much of it is looked at to be sure.
const UNUSED_LOOKED_AT: usize = 1 << 20;

/// What was read.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) segments: Segments,
    pub(crate) changes: VecDeque<Change>,
    pub(crate) revision: u64,
    pub(crate) compacted: u64,
    /// The end of the log.
    pub(crate) position: Position,
    /// From here to the end of the log, the last segment may not be durable: that is where its last frame
    /// begins, the segment's header included if it is the first.
    pub(crate) doubtful_from: u64,
    pub(crate) next_number: u32,
    /// The last checkpoint and its size.
    pub(crate) checkpoint: Option<(u32, u64)>,
    /// How many bytes of log were read.
    pub(crate) log_bytes: u64,
    /// Files that hold nothing.
    pub(crate) superfluous: Vec<String>,
}

/// A segment that has been used.
#[derive(Debug)]
struct Used {
    file: SegmentFile,
    header: SegmentHeader,
    size: u64,
}

/// Reads a store.
pub(crate) fn recover(
    folder: &Folder,
    identity: Identity,
    names: &[String],
) -> Result<Recovered, StoreError> {
    let mut recovery = Recovery {
        folder,
        identity,
        index: Index::default(),
        revision: 0,
        compacted: 0,
        position: Position {
            sequence: 1,
            ..Position::default()
        },
        doubtful_from: 0,
        log_bytes: 0,
    };
    let mut checkpoints: Vec<u32> = names.iter().filter_map(|name| checkpoint::number(name)).collect();
    checkpoints.sort_unstable();
    let newest_checkpoint = checkpoints.pop();
    let checkpoint = newest_checkpoint
        .map(|number| recovery.read_checkpoint(number))
        .transpose()?;

    let (used, mut superfluous) = recovery.find_segments(names)?;
    let chain = recovery.chain(&used, checkpoint.is_some())?;
    recovery.replay(&used, &chain)?;
    recovery.check_end(end::read(folder, identity, names)?)?;
    let segments = recovery.count_uses(&used, &chain)?;
    let (segments, changes) = recovery.forget_and_list_changes(segments);

    let kept: Vec<u32> = segments.uses().map(|used| used.number).collect();
    let unused = used.keys().filter(|number| !kept.contains(number));
    superfluous.extend(unused.map(|number| segment::file_name(*number)));
    superfluous.extend(checkpoints.into_iter().map(checkpoint::file_name));
    superfluous.extend(names.iter().filter(|name| name.ends_with(".new")).cloned());
    let numbers = names.iter().filter_map(|name| segment::number(name));
    Ok(Recovered {
        index: recovery.index,
        segments,
        changes,
        revision: recovery.revision,
        compacted: recovery.compacted,
        position: recovery.position,
        doubtful_from: recovery.doubtful_from,
        next_number: numbers.max().unwrap_or(0) + 1,
        checkpoint,
        log_bytes: recovery.log_bytes,
        superfluous,
    })
}

struct Recovery<'a> {
    folder: &'a Folder,
    identity: Identity,
    index: Index,
    revision: u64,
    compacted: u64,
    position: Position,
    doubtful_from: u64,
    log_bytes: u64,
}

impl Recovery<'_> {
    /// Takes over what a checkpoint says; gives its number and size.
    fn read_checkpoint(&mut self, number: u32) -> Result<(u32, u64), StoreError> {
        let file = self.folder.open(&checkpoint::file_name(number))?;
        let seal = checkpoint::seal(self.identity, number);
        let header = file.read_exact(0, CHECKPOINT_HEADER)?;
        let header = CheckpointHeader::decode(&header, seal).map_err(|problem| file.corrupt(0, problem))?;
        let size = file.size()?;
        let mut entries: Vec<(Key, Versions)> = Vec::new();
        let mut offset = CHECKPOINT_HEADER as u64;
        let total = loop {
            let corrupt = |problem: Problem| file.corrupt(offset, problem);
            let length = block_length(&file.read_exact(offset, BLOCK_HEADER)?).map_err(corrupt)?;
            if length as u64 > size - offset {
                return Err(corrupt("a block is cut off"));
            }
            let block = read_block(&file.read_exact(offset, length)?, seal, |key, versions| {
                check_entry(entries.last().map(|(key, _)| key), key, &versions)?;
                entries.push((Key::from(key), versions));
                Ok(())
            });
            match block.map_err(corrupt)? {
                Block::Entries => offset += length as u64,
                Block::End { total } => break total,
            }
        };
        if total != entries.len() as u64 {
            return Err(file.corrupt(offset, "entries are missing"));
        }
        self.index = Index::from_sorted(entries);
        self.revision = header.revision;
        self.compacted = header.compacted;
        self.position = header.position;
        Ok((number, size))
    }

    /// Opens all segments; gives those that were used, and the names of those that were not.
    fn find_segments(&self, names: &[String]) -> Result<(BTreeMap<u32, Used>, Vec<String>), StoreError> {
        let mut used = BTreeMap::new();
        let mut unused = Vec::new();
        for name in names {
            let Some(number) = segment::number(name) else {
                continue;
            };
            let file = Arc::new(self.folder.open(name)?);
            let seal = segment::seal(self.identity, number);
            let mut header = vec![0; SEGMENT_HEADER];
            let header_length = file.read(&mut header, 0)?;
            match SegmentHeader::decode(&header[..header_length], seal) {
                Some(header) => {
                    let size = file.size()?;
                    used.insert(
                        number,
                        Used {
                            file: SegmentFile { number, file, seal },
                            header,
                            size,
                        },
                    );
                }
                None => {
                    let all = header.iter().any(|&byte| byte != 0);
                    let mut bytes = vec![
                        0;
                        if all {
                            file.size()? as usize
                        } else {
                            UNUSED_LOOKED_AT
                        }
                    ];
                    let length = file.read(&mut bytes, 0)?;
                    // A header is written with the first frame, in front of it.
                    if frame::find(&bytes[..length], 0, seal).is_some() {
                        return Err(file.corrupt(0, "the header is damaged"));
                    }
                    // It is written whole or not at all: one that looks like a header was one, here or elsewhere.
                    if segment::looks_used(&header) {
                        return Err(
                            file.corrupt(0, "the header is damaged, or the segment is of another store")
                        );
                    }
                    unused.push(name.clone());
                }
            }
        }
        Ok((used, unused))
    }

    /// The segments behind the checkpoint in their order.
    fn chain(&self, used: &BTreeMap<u32, Used>, checkpointed: bool) -> Result<Vec<u32>, StoreError> {
        let first = if checkpointed { self.position.segment } else { 0 };
        let Some((&last, _)) = used.last_key_value() else {
            return if checkpointed {
                Err(self.missing(first))
            } else {
                Ok(Vec::new())
            };
        };
        let mut chain = Vec::new();
        let mut number = last;
        while number > first {
            chain.push(number);
            let Some(segment) = used.get(&number) else {
                return Err(self.missing(number));
            };
            if segment.header.previous >= number {
                return Err(segment
                    .file
                    .file
                    .corrupt(0, "the header names a later segment as the one before"));
            }
            number = segment.header.previous;
        }
        if number < first || (checkpointed && !used.contains_key(&first)) {
            return Err(self.missing(first));
        }
        if checkpointed {
            chain.push(first);
        }
        chain.reverse();
        Ok(chain)
    }

    fn missing(&self, number: u32) -> StoreError {
        StoreError::Corrupt {
            path: self.folder.path(&segment::file_name(number)),
            offset: 0,
            problem: "the segment is missing".to_owned(),
        }
    }

    fn replay(&mut self, used: &BTreeMap<u32, Used>, chain: &[u32]) -> Result<(), StoreError> {
        for (place, number) in chain.iter().enumerate() {
            let segment = &used[number];
            let successor = chain.get(place + 1).map(|next| &used[next]);
            let resumed = *number == self.position.segment;
            if !resumed && segment.header.first_sequence != self.position.sequence {
                return Err(segment
                    .file
                    .file
                    .corrupt(0, "the segment does not follow on the one before"));
            }
            let start = if resumed {
                self.position.offset
            } else {
                SEGMENT_HEADER as u64
            };
            let end = successor.map(|next| next.header.previous_end);
            self.replay_segment(segment, start, end)?;
        }
        Ok(())
    }

    /// Refuses a log that ends before so many frames.
    fn check_end(&self, frames: u64) -> Result<(), StoreError> {
        let Position {
            segment,
            offset,
            sequence,
        } = self.position;
        if sequence > frames {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            path: self.folder.path(&segment::file_name(segment)),
            offset,
            problem: format!(
                "the log ends after {} frames, there were {frames}",
                sequence.saturating_sub(1)
            ),
        })
    }

    /// Does what the frames of a segment say. They must go up to `end`, if that is known.
    fn replay_segment(&mut self, segment: &Used, start: u64, end: Option<u64>) -> Result<(), StoreError> {
        let SegmentFile { file, seal, number } = &segment.file;
        let bytes = file.read_all()?;
        let corrupt = |offset: usize, problem: Problem| file.corrupt(offset as u64, problem);
        let mut offset = usize::try_from(start).map_err(|_| corrupt(0, "a segment is too large"))?;
        if offset > bytes.len() {
            return Err(corrupt(
                bytes.len(),
                "the segment ends before the place the checkpoint names",
            ));
        }
        self.doubtful_from = if offset == SEGMENT_HEADER { 0 } else { start };
        while end.is_none_or(|end| (offset as u64) < end) {
            let Some(frame) = Frame::at(&bytes, offset, *seal) else {
                let later = frame::find(&bytes, offset, *seal);
                if end.is_some() || later.is_some() {
                    return Err(corrupt(offset, "a frame is damaged"));
                }
                break;
            };
            if frame.end() > bytes.len() {
                return Err(corrupt(bytes.len(), "a frame is cut off"));
            }
            if frame.header.sequence != self.position.sequence {
                return Err(corrupt(offset, "a frame does not follow on the one before"));
            }
            for record in frame.records() {
                let (record, place, length) = record.map_err(|(at, problem)| corrupt(at, problem))?;
                let location = Location {
                    segment: *number,
                    offset: place,
                    length,
                };
                self.apply(&record, location)
                    .map_err(|problem| corrupt(place as usize, problem))?;
            }
            if offset > SEGMENT_HEADER {
                self.doubtful_from = offset as u64;
            }
            self.revision = frame.header.revision;
            self.position.sequence += 1;
            offset = frame.end();
        }
        if end.is_some_and(|end| offset as u64 != end) {
            return Err(corrupt(
                offset,
                "the frames end elsewhere than the next segment says",
            ));
        }
        self.log_bytes += offset as u64 - start;
        self.position = Position {
            segment: *number,
            offset: offset as u64,
            sequence: self.position.sequence,
        };
        Ok(())
    }

    fn apply(&mut self, record: &Record<'_>, location: Location) -> Result<(), Problem> {
        let revision = record.revision;
        match record.kind {
            RecordKind::Compact => self.compacted = revision,
            RecordKind::Moved | RecordKind::PackedMoved => {
                let from = self
                    .index
                    .exactly(record.key, revision)
                    .map(|version| version.location);
                let known =
                    from.is_some_and(|from| self.index.relocate(record.key, revision, from, location));
                if !known {
                    return Err("a record that was moved is unknown");
                }
            }
            RecordKind::Put | RecordKind::PackedPut | RecordKind::Delete => {
                let is_deletion = record.kind == RecordKind::Delete;
                if !is_deletion && (record.create_revision == 0 || record.create_revision > revision) {
                    return Err("a put does not say when its key was created");
                }
                let version = match record.kind {
                    RecordKind::Delete => Version::deletion(revision),
                    _ => Version {
                        revision,
                        create_revision: record.create_revision,
                        version: record.version,
                        expires_ms: record.expires_ms,
                        location,
                    },
                };
                let mut newest = 0;
                self.index.insert(Key::from(record.key), |found| {
                    newest = found.map_or(0, |found| found.revision);
                    version
                });
                if revision <= self.revision.max(newest) {
                    return Err("a revision does not follow on the one before");
                }
            }
        }
        Ok(())
    }

    /// The segments that are needed: all of the chain, and all that the index points to.
    fn count_uses(&self, used: &BTreeMap<u32, Used>, chain: &[u32]) -> Result<Segments, StoreError> {
        let mut segments = Segments::default();
        for number in chain {
            segments.add(used[number].file.clone(), used[number].size);
        }
        let versions = self.index.after(None).flat_map(|(_, versions)| versions);
        for version in versions.filter(|version| !version.is_deletion()) {
            let number = version.location.segment;
            if segments.file(number).is_none() {
                let Some(segment) = used.get(&number) else {
                    return Err(self.missing(number));
                };
                segments.add(segment.file.clone(), segment.size);
            }
            segments.hold(version.location);
        }
        Ok(segments)
    }

    /// Forgets what was compacted, and lists the changes that were not.
    fn forget_and_list_changes(&mut self, mut segments: Segments) -> (Segments, VecDeque<Change>) {
        let mut old = Vec::new();
        let mut changes = Vec::new();
        for (key, versions) in self.index.after(None) {
            if versions.len() > 1 || versions.iter().any(Version::is_deletion) {
                old.push(key.clone());
            }
            let recent = versions
                .iter()
                .filter(|version| version.revision >= self.compacted);
            changes.extend(recent.map(|version| change(key, version)));
        }
        for key in old {
            self.index
                .prune(&key, self.compacted, |location| segments.release(location));
        }
        changes.sort_by(|one, other| (one.revision, &one.key).cmp(&(other.revision, &other.key)));
        (segments, changes.into())
    }
}

fn check_entry(previous: Option<&Key>, key: &[u8], versions: &[Version]) -> Result<(), Problem> {
    if previous.is_some_and(|previous| **previous >= *key) {
        return Err("keys are out of order");
    }
    if versions.is_empty() || !versions.is_sorted_by(|one, other| one.revision < other.revision) {
        return Err("versions are out of order");
    }
    if versions
        .iter()
        .any(|version| version.is_deletion() && version.expires_ms != 0)
    {
        return Err("a deletion expires");
    }
    let ends_nowhere = |at: Location| at.offset.checked_add(at.length).is_none();
    if versions.iter().any(|version| ends_nowhere(version.location)) {
        return Err("a record lies outside of its segment");
    }
    Ok(())
}

fn change(key: &Key, version: &Version) -> Change {
    let kind = if version.is_deletion() {
        ChangeKind::Delete
    } else {
        let &Version {
            create_revision,
            version,
            ..
        } = version;
        ChangeKind::Put {
            create_revision,
            version,
            value: None,
        }
    };
    Change {
        revision: version.revision,
        key: key.clone(),
        kind,
    }
}
