//! Committing: transactions are judged one after the other, and written all at once.

use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::MutexGuard;
use store::{Key, Operation, Precondition, Put, QuietRange, StoreError, Transaction};

use super::prepared::{Prepared, PreparedOperation};
use super::{Engine, State};
use crate::format::record::{MAX_KEY, Record, RecordKind};
use crate::history::{Change, ChangeKind};
use crate::located::Located;
use crate::log::{FrameSlot, Log};
use crate::version::{Location, Version};

/// How a transaction ended.
#[derive(Clone, Debug)]
pub(crate) enum Judged {
    /// It has this revision, and is durable.
    Committed(u64),
    /// A precondition did not hold.
    Conflict {
        /// The revision at which that was seen.
        revision: u64,
        /// What was there instead, to be read.
        current: Vec<Option<Located>>,
    },
}

/// What became of a transaction that was to be committed without waiting.
pub(crate) enum Alone {
    /// It ended.
    Ended(Result<Judged, StoreError>),
    /// It would have to wait.
    NotNow(Prepared),
}

/// At most so many keys are deleted at once because they are due.
const EXPIRE_AT_ONCE: usize = 500;

impl Engine {
    /// Makes a transaction, which has been validated, ready to be written.
    pub(crate) fn prepare(&self, transaction: Transaction) -> Prepared {
        Prepared::new(transaction, self.options.pack_values.then_some(&self.packer))
    }

    /// Prepares and commits a group of transactions, where there are no threads to share that: in trials.
    #[allow(dead_code)]
    pub(crate) fn commit(&self, group: Vec<Transaction>, now_ms: u64) -> Vec<Result<Judged, StoreError>> {
        let group = group.into_iter().map(|transaction| self.prepare(transaction));
        self.commit_prepared(group.collect(), now_ms)
    }

    /// Commits a group of transactions. All that succeed are durable when this returns; if the disk fails,
    /// none has happened.
    pub(crate) fn commit_prepared(
        &self,
        group: Vec<Prepared>,
        now_ms: u64,
    ) -> Vec<Result<Judged, StoreError>> {
        let count = group.len();
        match self.try_commit(group, now_ms) {
            Ok(judged) => judged.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); count],
        }
    }

    /// Commits a transaction at once, if [pace](crate::pace) and locks allow that.
    pub(crate) fn commit_alone(&self, transaction: Prepared, now_ms: u64) -> Alone {
        if !self.pace.suits_the_caller() || transaction.expires() {
            return Alone::NotNow(transaction);
        }
        let Some(log) = self.log.try_lock() else {
            return Alone::NotNow(transaction);
        };
        let judged = self.commit_to(log, vec![transaction], now_ms);
        Alone::Ended(judged.and_then(|mut judged| judged.pop().ok_or(StoreError::Closed)))
    }

    fn try_commit(&self, transactions: Vec<Prepared>, now_ms: u64) -> Result<Vec<Judged>, StoreError> {
        self.commit_to(self.log.lock(), transactions, now_ms)
    }

    fn commit_to(
        &self,
        mut log: MutexGuard<'_, Log>,
        transactions: Vec<Prepared>,
        now_ms: u64,
    ) -> Result<Vec<Judged>, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Closed);
        }
        let together = transactions.len();
        self.ensure_room(&mut log, transactions.iter().map(Prepared::record_bytes).sum())?;
        let before = self.history.current();
        let mut state = self.state.write();
        let mut group = Group {
            slot: log.begin(),
            state: &mut state,
            revision: before,
            now_ms,
            changes: Vec::new(),
        };
        let judged: Vec<_> = transactions
            .into_iter()
            .map(|transaction| group.judge(transaction))
            .collect();
        let Group {
            revision, changes, ..
        } = group;
        drop(state);
        if changes.is_empty() {
            return Ok(judged);
        }
        let began = Instant::now();
        let appended = self.append(&mut log, revision);
        self.pace.written(together, began.elapsed());
        if let Err(error) = appended {
            let mut state = self.state.write();
            changes.iter().rev().for_each(|change| state.undo(&change.key));
            return Err(error);
        }
        let keys = self.watches.changed_keys(&changes);
        self.history.publish(changes, revision);
        self.watches.published(before, revision, &keys);
        Ok(judged)
    }

    /// Deletes the keys that are due, each in a revision of its own.
    pub(crate) fn expire(&self, now_ms: u64) -> Result<(), StoreError> {
        loop {
            let deletions = self.state.read().deletions_due(now_ms);
            if deletions.is_empty() {
                return Ok(());
            }
            self.try_commit(deletions, now_ms)?;
        }
    }

    /// Writes a frame with records that make no revision.
    pub(super) fn append_records<T>(
        &self,
        record_bytes: usize,
        records: impl FnOnce(&mut FrameSlot<'_>) -> T,
    ) -> Result<T, StoreError> {
        let mut log = self.log.lock();
        self.append_records_to(&mut log, record_bytes, records)
    }

    /// [`append_records`](Self::append_records) to a log that is locked already.
    pub(super) fn append_records_to<T>(
        &self,
        log: &mut MutexGuard<'_, Log>,
        record_bytes: usize,
        records: impl FnOnce(&mut FrameSlot<'_>) -> T,
    ) -> Result<T, StoreError> {
        self.ensure_room(log, record_bytes)?;
        let answer = records(&mut log.begin());
        self.append(log, self.history.current())?;
        Ok(answer)
    }

    pub(super) fn ensure_room(&self, log: &mut Log, record_bytes: usize) -> Result<(), StoreError> {
        let finished = log.position();
        let new = log
            .ensure_room(record_bytes)
            .inspect_err(|error| self.failed(error, record_bytes))?;
        if let Some((segment, capacity)) = new {
            let mut state = self.state.write();
            state.segments.set_size(finished.segment, finished.offset);
            state.segments.add(segment, capacity);
            self.occasions.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn append(&self, log: &mut Log, revision: u64) -> Result<(), StoreError> {
        let before = log.position();
        let active = log.active_number();
        let result = log.append(revision);
        match &result {
            Ok(()) => {
                let start = if log.position().segment == before.segment {
                    before.offset
                } else {
                    0
                };
                self.log_bytes
                    .fetch_add(log.position().offset - start, Ordering::Relaxed);
                self.failed_bytes.lock().take();
                if log.wants_spare() {
                    self.occasions.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(error) => {
                self.failed(error, log.frame_bytes());
                // A segment whose first frame failed holds nothing.
                let empty = active.filter(|&number| number != before.segment);
                let mut state = self.state.write();
                state.segments.set_size(before.segment, before.offset);
                empty
                    .into_iter()
                    .for_each(|number| state.segments.set_size(number, 0));
            }
        }
        result
    }

    fn failed(&self, error: &StoreError, record_bytes: usize) {
        if self.failed_bytes.lock().replace(record_bytes).is_none() {
            tracing::error!(%error, "the state store cannot write");
        }
    }
}

/// Refuses what cannot be written; otherwise gives the size.
pub(crate) fn measure(transaction: &Transaction, limit: usize) -> Result<usize, StoreError> {
    transaction.validate()?;
    if transaction
        .operations
        .iter()
        .any(|operation| operation.key().len() > MAX_KEY)
    {
        return Err(StoreError::Invalid("a key must not be longer than 65535 bytes"));
    }
    let size = transaction.operations.iter().map(payload_bytes).sum();
    if size > limit {
        return Err(StoreError::TooLarge { size, limit });
    }
    Ok(size)
}

fn payload_bytes(operation: &Operation) -> usize {
    match operation {
        Operation::Put(put) => put.key.len() + put.value.len(),
        Operation::Delete(key) => key.len(),
    }
}

impl State {
    fn undo(&mut self, key: &Key) {
        if let Some(version) = self.index.newest(key) {
            self.segments.release(version.location);
        }
        self.index.undo(key);
    }

    fn deletions_due(&self, now_ms: u64) -> Vec<Prepared> {
        let due = self.index.due(now_ms, EXPIRE_AT_ONCE).into_iter();
        due.filter_map(|key| {
            let revision = self.index.newest(&key)?.revision;
            Some(Prepared::deletion(key, revision))
        })
        .collect()
    }
}

/// A group that is being judged. Its changes are in the index already, where nobody but the group looks.
struct Group<'a> {
    slot: FrameSlot<'a>,
    state: &'a mut State,
    /// The revision of the last transaction that changed something.
    revision: u64,
    now_ms: u64,
    changes: Vec<Change>,
}

impl Group<'_> {
    fn judge(&mut self, transaction: Prepared) -> Judged {
        let mut preconditions = transaction.preconditions.iter();
        let mut quiet_ranges = transaction.quiet_ranges.iter();
        if !preconditions.all(|precondition| self.holds(precondition))
            || !quiet_ranges.all(|quiet| self.is_quiet(quiet))
        {
            let current = transaction
                .preconditions
                .iter()
                .map(|precondition| self.held(precondition));
            return Judged::Conflict {
                revision: self.revision,
                current: current.collect(),
            };
        }
        let revision = self.revision + 1;
        for change in transaction.operations {
            match change {
                PreparedOperation::Put { put, packed } => self.put(put, packed, revision),
                PreparedOperation::Delete(key) => self.delete(key, revision),
            }
        }
        Judged::Committed(self.revision)
    }

    fn newest(&self, key: &Key) -> Option<&Version> {
        self.state
            .index
            .newest(key)
            .filter(|version| !version.is_deletion())
    }

    fn holds(&self, precondition: &Precondition) -> bool {
        let revision = self
            .newest(&precondition.key)
            .map_or(0, |version| version.revision);
        revision == precondition.mod_revision.get()
    }

    fn is_quiet(&self, quiet: &QuietRange) -> bool {
        let since = quiet.since.get();
        // Nearly always nobody has written anything at all.
        self.revision <= since
            || self
                .state
                .index
                .range(&quiet.range, self.revision)
                .all(|(_, version)| version.revision <= since)
    }

    fn held(&self, precondition: &Precondition) -> Option<Located> {
        let version = self.newest(&precondition.key)?;
        Some(self.state.segments.locate(&precondition.key, version))
    }

    fn put(&mut self, put: Put, packed: Option<Vec<u8>>, revision: u64) {
        let expires_ms = put.time_to_live.map_or(0, |time_to_live| {
            let milliseconds = u64::try_from(time_to_live.as_millis()).unwrap_or(u64::MAX);
            // One more, because the clock has cut off what it was past the last millisecond.
            self.now_ms.saturating_add(milliseconds).saturating_add(1)
        });
        let Self { slot, state, .. } = self;
        let bytes = put.key.clone();
        let (mut create_revision, mut version) = (revision, 1);
        let key = state.index.insert(put.key, |newest| {
            if let Some(newest) = newest.filter(|newest| !newest.is_deletion()) {
                (create_revision, version) = (newest.create_revision, newest.version + 1);
            }
            let (kind, value) = match &packed {
                Some(packed) => (RecordKind::PackedPut, &packed[..]),
                None => (RecordKind::Put, &put.value[..]),
            };
            let key = &bytes[..];
            let record = Record {
                kind,
                revision,
                create_revision,
                version,
                expires_ms,
                key,
                value,
            };
            let location = slot.push(&record);
            state.segments.hold(location);
            Version {
                revision,
                create_revision,
                version,
                expires_ms,
                location,
            }
        });
        let kind = ChangeKind::Put {
            create_revision,
            version,
            value: Some(put.value),
        };
        self.changed(Change { revision, key, kind });
    }

    fn delete(&mut self, key: Key, revision: u64) {
        if self.newest(&key).is_some() {
            self.slot.push(&Record::delete(&key, revision));
            let key = self.state.index.insert(key, |_| Version::deletion(revision));
            self.changed(Change {
                revision,
                key,
                kind: ChangeKind::Delete,
            });
        }
    }

    fn changed(&mut self, change: Change) {
        self.revision = change.revision;
        self.changes.push(change);
    }
}

impl FrameSlot<'_> {
    /// Adds a record to the frame; gives where it will lie.
    pub(super) fn push(&mut self, record: &Record<'_>) -> Location {
        let offset = self.next_offset();
        let seal = self.seal;
        let length = record.encode(seal, self.buffer());
        Location {
            segment: self.segment.number,
            offset,
            length,
        }
    }
}
