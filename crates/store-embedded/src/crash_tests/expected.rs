//! What a store must hold: the acknowledged changes, applied one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use store::{Key, KeyValue, Operation, Revision, Transaction};

/// What one transaction, or the expiry of one key, changed.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    pub(super) revision: u64,
    /// By key: the new value with when it is due, or nothing.
    pub(super) keys: BTreeMap<Key, Option<(Bytes, u64)>>,
}

/// The keys at one revision.
pub(super) type Contents = BTreeMap<Key, KeyValue>;

/// The acknowledged changes that are not compacted, and what they come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The contents before the first of the changes.
    base: Contents,
    base_revision: u64,
    changes: VecDeque<Arc<Changes>>,
    contents: Contents,
    due: BTreeMap<Key, u64>,
}

impl Expected {
    pub(super) fn revision(&self) -> u64 {
        self.changes
            .back()
            .map_or(self.base_revision, |changes| changes.revision)
    }

    pub(super) fn get(&self, key: &Key) -> Option<&KeyValue> {
        self.contents.get(key)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &Changes> {
        self.changes.iter().map(|changes| &**changes)
    }

    /// Forgets the changes before a revision.
    pub(super) fn compact(&mut self, revision: u64) {
        while let Some(changes) = self.changes.pop_front_if(|changes| changes.revision < revision) {
            fold(&mut self.base, &changes);
            self.base_revision = changes.revision;
        }
    }

    /// Does a transaction; gives what it changed, `None` if it conflicts.
    pub(super) fn commit(&mut self, transaction: &Transaction, now_ms: u64) -> Option<Changes> {
        let holds = transaction.preconditions.iter().all(|precondition| {
            let found = self
                .get(&precondition.key)
                .map_or(Revision::ZERO, |found| found.mod_revision);
            found == precondition.mod_revision
        });
        if !holds {
            return None;
        }
        let revision = self.revision() + 1;
        let mut keys = BTreeMap::new();
        for operation in &transaction.operations {
            match operation {
                Operation::Put(put) => {
                    let due = put
                        .time_to_live
                        .map_or(0, |time| now_ms + time.as_millis() as u64 + 1);
                    keys.insert(put.key.clone(), Some((put.value.clone(), due)));
                }
                Operation::Delete(key) if self.contents.contains_key(key) => {
                    keys.insert(key.clone(), None);
                }
                Operation::Delete(_) => {}
            }
        }
        let changes = Changes { revision, keys };
        self.apply(changes.clone());
        Some(changes)
    }

    /// Deletes the keys that are due.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let mut due: Vec<_> = self.due.iter().filter(|(_, due)| **due <= now_ms).collect();
        due.sort_by_key(|(key, due)| (**due, *key));
        let due: Vec<Key> = due.into_iter().map(|(key, _)| key.clone()).collect();
        for key in due {
            let revision = self.revision() + 1;
            self.apply(Changes {
                revision,
                keys: BTreeMap::from([(key, None)]),
            });
        }
    }

    fn apply(&mut self, changes: Changes) {
        if changes.keys.is_empty() {
            return;
        }
        for (key, change) in &changes.keys {
            self.due.remove(key);
            if let Some((_, due)) = change
                && *due > 0
            {
                self.due.insert(key.clone(), *due);
            }
        }
        fold(&mut self.contents, &changes);
        self.changes.push_back(Arc::new(changes));
    }

    /// The contents at each revision from `first` on.
    pub(super) fn contents_from(&self, first: u64) -> BTreeMap<u64, Contents> {
        let mut contents = self.base.clone();
        let mut all = BTreeMap::from([(self.base_revision, contents.clone())]);
        for changes in &self.changes {
            fold(&mut contents, changes);
            all.insert(changes.revision, contents.clone());
        }
        all.split_off(&first)
    }
}

fn fold(contents: &mut Contents, changes: &Changes) {
    let revision = Revision::new(changes.revision);
    for (key, change) in &changes.keys {
        let previous = contents.remove(key);
        let Some((value, _)) = change else { continue };
        let key_value = KeyValue {
            key: key.clone(),
            value: value.clone(),
            create_revision: previous
                .as_ref()
                .map_or(revision, |previous| previous.create_revision),
            mod_revision: revision,
            version: previous.map_or(1, |previous| previous.version + 1),
        };
        contents.insert(key.clone(), key_value);
    }
}
