//! History: every change since the last compaction, in order, for watches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use store::Key;

/// One change of one key.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) kind: ChangeKind,
}

/// What a change did.
#[derive(Clone, Debug)]
pub(crate) enum ChangeKind {
    /// The key was set.
    Put {
        create_revision: u64,
        version: u64,
        /// The value, as long as the change is among the newest.
        value: Option<Bytes>,
    },
    /// The key was removed.
    Delete,
}

impl Change {
    /// Whether the key was not there before.
    pub(crate) fn is_create(&self) -> bool {
        matches!(self.kind, ChangeKind::Put { create_revision, .. } if create_revision == self.revision)
    }

    fn value_bytes(&self) -> usize {
        match &self.kind {
            ChangeKind::Put {
                value: Some(value), ..
            } => value.len(),
            _ => 0,
        }
    }
}

/// The changes held, and the newest revision that may be seen.
#[derive(Debug)]
pub(crate) struct History {
    changes: RwLock<Changes>,
    current: AtomicU64,
    /// How many bytes of values are held.
    value_budget: usize,
}

#[derive(Debug, Default)]
struct Changes {
    /// Ordered by revision and then by key.
    list: VecDeque<Change>,
    /// How many changes have been forgotten: the number of the first one in the list.
    forgotten: u64,
    /// The number of the first change whose value may be held.
    first_with_value: u64,
    value_bytes: usize,
}

/// A stretch of history.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) changes: Vec<Change>,
    /// Up to this revision the stretch is complete.
    pub(crate) revision: u64,
}

impl History {
    /// A history of changes, which are in order.
    pub(crate) fn new(list: VecDeque<Change>, current: u64, value_budget: usize) -> Self {
        let changes = Changes {
            first_with_value: list.len() as u64,
            list,
            ..Changes::default()
        };
        Self {
            changes: RwLock::new(changes),
            current: AtomicU64::new(current),
            value_budget,
        }
    }

    /// The newest revision that may be seen.
    pub(crate) fn current(&self) -> u64 {
        self.current.load(Ordering::Acquire)
    }

    /// How many changes are held.
    pub(crate) fn len(&self) -> usize {
        self.changes.read().list.len()
    }

    /// The revision of the change that so many newer ones follow on.
    pub(crate) fn revision_before(&self, newer: usize) -> Option<u64> {
        let changes = self.changes.read();
        let place = changes.list.len().checked_sub(newer + 1)?;
        changes.list.get(place).map(|change| change.revision)
    }

    /// Adds durable changes, and makes their revision the current one.
    pub(crate) fn publish(&self, new: Vec<Change>, revision: u64) {
        let mut changes = self.changes.write();
        for change in new {
            changes.value_bytes += change.value_bytes();
            changes.list.push_back(change);
        }
        changes.trim_values(self.value_budget);
        // Inside the lock, so that whoever sees the changes can also read at their revision.
        self.current.store(revision, Ordering::Release);
    }

    /// Forgets the oldest changes, as far as they are older than `horizon`; gives their keys. At most about
    /// so many at once.
    pub(crate) fn forget(&self, horizon: u64, limit: usize) -> Vec<Key> {
        let mut changes = self.changes.write();
        let mut keys = Vec::new();
        while keys.len() < limit
            && let Some(change) = changes.list.pop_front_if(|change| change.revision < horizon)
        {
            changes.value_bytes -= change.value_bytes();
            changes.forgotten += 1;
            keys.push(change.key);
        }
        changes.first_with_value = changes.first_with_value.max(changes.forgotten);
        keys
    }

    /// The keys that a revision has changed.
    pub(crate) fn keys_changed_at(&self, revision: u64) -> Vec<Key> {
        let changes = self.changes.read();
        let first = changes.list.partition_point(|change| change.revision < revision);
        let changed = changes
            .list
            .range(first..)
            .take_while(|change| change.revision == revision);
        changed.map(|change| change.key.clone()).collect()
    }

    /// The changes from `start` on that are wanted. Looks at about `limit` changes, but always at whole
    /// revisions.
    pub(crate) fn read(&self, start: u64, limit: usize, wanted: impl Fn(&Key) -> bool) -> Stretch {
        let changes = self.changes.read();
        let list = &changes.list;
        let first = list.partition_point(|change| change.revision < start);
        let mut last = (first + limit).min(list.len());
        while last < list.len() && list[last].revision == list[last - 1].revision {
            last += 1;
        }
        let revision = if last < list.len() {
            list[last - 1].revision
        } else {
            self.current()
        };
        let stretch = list
            .range(first..last)
            .filter(|change| wanted(&change.key))
            .cloned();
        Stretch {
            changes: stretch.collect(),
            revision,
        }
    }
}

impl Changes {
    /// Lets the oldest values go until they fit the budget. They can be read from the disk.
    fn trim_values(&mut self, budget: usize) {
        while self.value_bytes > budget {
            let place = usize::try_from(self.first_with_value - self.forgotten).unwrap_or(usize::MAX);
            let Some(change) = self.list.get_mut(place) else {
                return;
            };
            self.value_bytes -= change.value_bytes();
            if let ChangeKind::Put { value, .. } = &mut change.kind {
                *value = None;
            }
            self.first_with_value += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64, bytes: usize) -> Change {
        let value = Some(Bytes::from(vec![0; bytes]));
        let kind = ChangeKind::Put {
            create_revision: revision,
            version: 1,
            value,
        };
        Change {
            revision,
            key: format!("k{revision}").as_str().into(),
            kind,
        }
    }

    fn held_values(history: &History) -> Vec<u64> {
        let stretch = history.read(0, usize::MAX >> 1, |_| true);
        stretch
            .changes
            .iter()
            .filter(|change| change.value_bytes() > 0)
            .map(|change| change.revision)
            .collect()
    }

    #[test]
    fn only_the_newest_values_are_held() {
        let history = History::new(VecDeque::new(), 0, 100);
        for revision in 1..=5 {
            history.publish(vec![change(revision, 30)], revision);
        }
        assert_eq!(held_values(&history), [3, 4, 5]);
        assert_eq!(history.forget(4, 9).len(), 3);
        history.publish(vec![change(6, 30), change(7, 30)], 7);
        assert_eq!(held_values(&history), [5, 6, 7]);
        history.publish(vec![change(8, 200)], 8);
        assert_eq!(held_values(&history), [0; 0]);
        history.publish(vec![change(9, 10)], 9);
        assert_eq!(held_values(&history), [9]);
    }

    #[test]
    fn stretches_are_whole_revisions() {
        let history = History::new(VecDeque::new(), 0, 1000);
        history.publish(
            vec![
                change(1, 1),
                change(1, 1),
                change(2, 1),
                change(2, 1),
                change(2, 1),
            ],
            3,
        );
        let lengths = |start, limit| {
            let stretch = history.read(start, limit, |_| true);
            (stretch.changes.len(), stretch.revision)
        };
        assert_eq!(lengths(0, 1), (2, 1));
        assert_eq!(lengths(2, 1), (3, 3));
        assert_eq!(lengths(0, 3), (5, 3));
        assert_eq!(lengths(3, 1), (0, 3));
    }
}
