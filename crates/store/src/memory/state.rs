//! The model itself: every version of every key, and the list of all changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Event, Key, KeyRange, KeyValue, Operation, Outcome, Precondition, Projection, QuietRange, RangeRequest,
    RangeResponse, Revision, RevisionWindow, SnapshotEntry, StoreError, Transaction,
};

/// Everything a store holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) window: RevisionWindow,
    /// Whether a task waits for keys to come due.
    pub(super) expiry_runs: bool,
    /// The versions of each key, oldest first.
    keys: BTreeMap<Key, Vec<Version>>,
    /// Every change held, ordered by revision and then by key.
    events: VecDeque<Event>,
    due: BTreeSet<(Instant, Key)>,
    due_by_key: BTreeMap<Key, Instant>,
}

/// What a key became at a revision: a value, or nothing.
#[derive(Debug)]
struct Version {
    revision: Revision,
    key_value: Option<KeyValue>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            window: RevisionWindow {
                compacted: Revision::ZERO,
                current: Revision::ZERO,
            },
            expiry_runs: false,
            keys: BTreeMap::new(),
            events: VecDeque::new(),
            due: BTreeSet::new(),
            due_by_key: BTreeMap::new(),
        }
    }
}

impl State {
    /// What `key` was at `revision`.
    fn get(&self, key: &Key, revision: Revision) -> Option<&KeyValue> {
        let versions = self.keys.get(key)?;
        let version = versions.iter().rfind(|version| version.revision <= revision)?;
        version.key_value.as_ref()
    }

    /// The keys of `range` at `revision`.
    fn held(&self, range: &KeyRange, revision: Revision) -> Vec<&KeyValue> {
        self.keys
            .range(range.start.clone()..)
            .take_while(|(key, _)| range.contains(key))
            .filter_map(|(key, _)| self.get(key, revision))
            .collect()
    }

    pub(super) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, StoreError> {
        let revision = self.window.readable(request.at)?;
        let held = self.held(&request.range, revision);
        let limit = match request.projection {
            Projection::CountOnly => 0,
            _ => request.limit.unwrap_or(usize::MAX),
        };
        Ok(RangeResponse {
            revision,
            more: request.projection != Projection::CountOnly && held.len() > limit,
            count: held.len(),
            key_values: held
                .into_iter()
                .take(limit)
                .map(|key_value| project(key_value, request.projection))
                .collect(),
        })
    }

    pub(super) fn commit(&mut self, transaction: Transaction, now: Instant) -> Outcome {
        let current = self.window.current;
        if let Some(conflict) = self.conflict(&transaction.preconditions, &transaction.quiet_ranges) {
            return conflict;
        }
        let mut operations = transaction.operations;
        operations.retain(|operation| match operation {
            Operation::Put(_) => true,
            Operation::Delete(key) => self.get(key, current).is_some(),
        });
        if operations.is_empty() {
            return Outcome::Committed { revision: current };
        }
        operations.sort_by(|one, other| one.key().cmp(other.key()));
        let revision = current.next();
        for operation in operations {
            self.apply(operation, revision, now);
        }
        self.window.current = revision;
        Outcome::Committed { revision }
    }

    fn conflict(&self, preconditions: &[Precondition], quiet_ranges: &[QuietRange]) -> Option<Outcome> {
        let revision = self.window.current;
        let holds = |precondition: &Precondition| {
            let found = self.get(&precondition.key, revision);
            found.map_or(Revision::ZERO, |key_value| key_value.mod_revision) == precondition.mod_revision
        };
        let is_quiet = |quiet: &QuietRange| {
            let held = self.held(&quiet.range, revision);
            held.iter().all(|key_value| key_value.mod_revision <= quiet.since)
        };
        if preconditions.iter().all(holds) && quiet_ranges.iter().all(is_quiet) {
            return None;
        }
        let current = preconditions
            .iter()
            .map(|precondition| self.get(&precondition.key, revision).cloned())
            .collect();
        Some(Outcome::Conflict { revision, current })
    }

    fn apply(&mut self, operation: Operation, revision: Revision, now: Instant) {
        let key = operation.key().clone();
        let previous = self.get(&key, revision).cloned();
        if let Some(due) = self.due_by_key.remove(&key) {
            self.due.remove(&(due, key.clone()));
        }
        let (key_value, event) = match operation {
            Operation::Put(put) => {
                if let Some(due) = put
                    .time_to_live
                    .and_then(|time_to_live| now.checked_add(time_to_live))
                {
                    self.due.insert((due, key.clone()));
                    self.due_by_key.insert(key.clone(), due);
                }
                let current = KeyValue {
                    key: key.clone(),
                    value: put.value,
                    create_revision: previous
                        .as_ref()
                        .map_or(revision, |previous| previous.create_revision),
                    mod_revision: revision,
                    version: previous.as_ref().map_or(1, |previous| previous.version + 1),
                };
                (Some(current.clone()), Event::Put { current, previous })
            }
            Operation::Delete(key) => (
                None,
                Event::Delete {
                    key,
                    revision,
                    previous,
                },
            ),
        };
        self.keys
            .entry(key)
            .or_default()
            .push(Version { revision, key_value });
        self.events.push_back(event);
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        self.window.compactable(revision)?;
        self.window.compacted = revision;
        self.events.retain(|event| event.revision() >= revision);
        self.events
            .iter_mut()
            .take_while(|event| event.revision() == revision)
            .for_each(Event::forget_previous);
        self.keys.retain(|_, versions| {
            // The newest version that is not newer than `revision` is what a read at `revision` sees.
            let seen = versions
                .iter()
                .rposition(|version| version.revision <= revision)
                .unwrap_or(0);
            versions.drain(..seen);
            versions.len() > 1 || versions.iter().any(|version| version.key_value.is_some())
        });
        Ok(())
    }

    pub(super) fn snapshot(&self, now: Instant) -> (Revision, Vec<SnapshotEntry>) {
        let revision = self.window.current;
        let entries = self
            .held(&KeyRange::all(), revision)
            .into_iter()
            .map(|key_value| SnapshotEntry {
                key_value: key_value.clone(),
                time_to_live: self
                    .due_by_key
                    .get(&key_value.key)
                    .map(|due| due.saturating_duration_since(now)),
            })
            .collect();
        (revision, entries)
    }

    /// The changes from `start` on, at most about `limit` of them but always whole revisions, and the
    /// revision up to which that is everything.
    pub(super) fn events_from(&self, start: Revision, limit: usize) -> (Vec<&Event>, Revision) {
        let first = self.events.partition_point(|event| event.revision() < start);
        let mut last = (first + limit).min(self.events.len());
        while last < self.events.len() && self.events[last].revision() == self.events[last - 1].revision() {
            last += 1;
        }
        let complete = match self.events.get(last) {
            Some(_) => self.events[last - 1].revision(),
            None => self.window.current,
        };
        (self.events.range(first..last).collect(), complete)
    }

    /// When the next key comes due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Deletes the keys that are due, each in a revision of its own.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((due, key)) = self.due.first() {
            if *due > now {
                break;
            }
            let transaction = Transaction::new().delete(key.clone());
            self.commit(transaction, now);
        }
    }
}

fn project(key_value: &KeyValue, projection: Projection) -> KeyValue {
    let mut answer = key_value.clone();
    if projection == Projection::KeysOnly {
        answer.value = Bytes::new();
    }
    answer
}
