//! The index: every key with its versions, and when keys are due.
//!
//! It runs ahead of what is durable: versions of a group are in it before they are written, so that the
//! transactions of a group see each other. Readers name a revision and so never see them; a group that cannot
//! be written is [undone](Index::undo).
//!
//! Keys are looked up by their hash: a search in their order meets a dozen other keys, each somewhere else in memory. The order is
//! for ranges, and for keys that come and go.

mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use store::{Key, KeyRange};

use crate::version::{Location, Version, Versions};
use entries::{Entries, Slot};

/// Versions that come and go leave room for others, up to so many times what is there: to give it back each time would cost most
/// of what forgetting costs.
const SPARE_ROOM: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Entries,
    order: BTreeMap<Key, Slot>,
    due: BTreeSet<(u64, Key)>,
}

impl Index {
    /// An index of entries in the order of their keys.
    pub(crate) fn from_sorted(sorted: Vec<(Key, Versions)>) -> Self {
        let mut entries = Entries::with_capacity(sorted.len());
        let due = sorted
            .iter()
            .filter_map(|(key, versions)| Some((expiry(versions.last())?, key.clone())))
            .collect();
        let order = sorted
            .into_iter()
            .map(|(key, versions)| (key.clone(), entries.add(key, versions)))
            .collect();
        Self { entries, order, due }
    }

    pub(crate) fn key_count(&self) -> usize {
        self.order.len()
    }

    /// The newest version of a key, deletions included.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<&Version> {
        self.entries.get(key)?.last()
    }

    /// What a key is at a revision.
    pub(crate) fn at(&self, key: &[u8], revision: u64) -> Option<&Version> {
        at(self.entries.get(key)?, revision)
    }

    /// The version a key got at exactly this revision.
    pub(crate) fn exactly(&self, key: &[u8], revision: u64) -> Option<&Version> {
        let versions = self.entries.get(key)?;
        let place = versions
            .binary_search_by_key(&revision, |version| version.revision)
            .ok()?;
        versions.get(place)
    }

    /// The keys of a range at a revision, in order.
    pub(crate) fn range(&self, range: &KeyRange, revision: u64) -> impl Iterator<Item = (&Key, &Version)> {
        let entries = (!range.is_empty()).then(|| {
            let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            self.order.range::<[u8], _>((Bound::Included(&*range.start), end))
        });
        entries
            .into_iter()
            .flatten()
            .filter_map(move |(key, &slot)| Some((key, at(self.entries.at(slot), revision)?)))
    }

    /// All keys after one, with all their versions.
    pub(crate) fn after(&self, key: Option<&Key>) -> impl Iterator<Item = (&Key, &[Version])> {
        let start = key.map_or(Bound::Unbounded, |key| Bound::Excluded(&**key));
        self.order
            .range::<[u8], _>((start, Bound::Unbounded))
            .map(|(key, &slot)| (key, &self.entries.at(slot)[..]))
    }

    /// Adds the version that is made of the newest one there is, and is newer. Gives the key as it is held,
    /// which costs no memory of its own.
    pub(crate) fn insert(&mut self, key: Key, version: impl FnOnce(Option<&Version>) -> Version) -> Key {
        let slot = self.entries.find(&key).unwrap_or_else(|| {
            let slot = self.entries.add(key.clone(), Versions::new());
            self.order.insert(key, slot);
            slot
        });
        let (key, versions) = self.entries.at_mut(slot);
        let version = version(versions.last());
        let expired_before = expiry(versions.last());
        versions.push(version);
        let key = key.clone();
        self.change_due(&key, expired_before, expiry(Some(&version)));
        key
    }

    /// Takes the newest version of a key back.
    pub(crate) fn undo(&mut self, key: &Key) {
        let Some(versions) = self.entries.get_mut(key) else {
            return;
        };
        let expired = expiry(versions.pop().as_ref());
        let expires_again = expiry(versions.last());
        if versions.is_empty() {
            self.remove(key);
        }
        self.change_due(key, expired, expires_again);
    }

    /// Forgets what no read at `horizon` and no watch from it can see of a key; hands on where that lay.
    pub(crate) fn prune(&mut self, key: &Key, horizon: u64, mut dropped: impl FnMut(Location)) {
        let Some(versions) = self.entries.get_mut(key) else {
            return;
        };
        let seen = versions.partition_point(|version| version.revision <= horizon);
        let keep_from = match versions[..seen].last() {
            None => return,
            // A deletion at the horizon itself can still be watched.
            Some(version) if version.is_deletion() && version.revision < horizon => seen,
            Some(_) => seen - 1,
        };
        versions
            .drain(..keep_from)
            .for_each(|version| dropped(version.location));
        if versions.is_empty() {
            self.remove(key);
        } else if versions.capacity() > SPARE_ROOM * versions.len() {
            versions.shrink_to_fit();
        }
    }

    /// Notes that the value of a version lies elsewhere now. Gives whether it lay where it was thought to.
    pub(crate) fn relocate(&mut self, key: &[u8], revision: u64, from: Location, to: Location) -> bool {
        let found = self.entries.get_mut(key).and_then(|versions| {
            let place = versions
                .binary_search_by_key(&revision, |version| version.revision)
                .ok()?;
            versions.get_mut(place)
        });
        match found {
            Some(version) if version.location == from => {
                version.location = to;
                true
            }
            _ => false,
        }
    }

    /// When the next key is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The keys that are due, the longest overdue first, at most so many.
    pub(crate) fn due(&self, now_ms: u64, limit: usize) -> Vec<Key> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now_ms);
        due.take(limit).map(|(_, key)| key.clone()).collect()
    }

    fn remove(&mut self, key: &Key) {
        self.entries.remove(key);
        self.order.remove(key);
    }

    fn change_due(&mut self, key: &Key, before: Option<u64>, after: Option<u64>) {
        if let Some(due) = before {
            self.due.remove(&(due, key.clone()));
        }
        if let Some(due) = after {
            self.due.insert((due, key.clone()));
        }
    }
}

fn at(versions: &[Version], revision: u64) -> Option<&Version> {
    let version = versions.iter().rfind(|version| version.revision <= revision)?;
    (!version.is_deletion()).then_some(version)
}

fn expiry(version: Option<&Version>) -> Option<u64> {
    version
        .map(|version| version.expires_ms)
        .filter(|&expires_ms| expires_ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(revision: u64, expires_ms: u64) -> Version {
        let location = Location {
            segment: 1,
            offset: revision as u32,
            length: 1,
        };
        Version {
            revision,
            create_revision: 1,
            version: 1,
            expires_ms,
            location,
        }
    }

    fn index(versions: &[Version]) -> Index {
        let mut index = Index::default();
        for version in versions {
            index.insert("k".into(), |_| *version);
        }
        index
    }

    fn revisions(index: &Index) -> Vec<u64> {
        index
            .after(None)
            .flat_map(|(_, versions)| versions)
            .map(|version| version.revision)
            .collect()
    }

    #[test]
    fn pruning_keeps_what_can_be_read() {
        let deletion = Version::deletion;
        let cases: &[(&[Version], u64, &[u64])] = &[
            (&[put(2, 0), put(4, 0), put(6, 0)], 1, &[2, 4, 6]),
            (&[put(2, 0), put(4, 0), put(6, 0)], 4, &[4, 6]),
            (&[put(2, 0), put(4, 0), put(6, 0)], 5, &[4, 6]),
            (&[put(2, 0), put(4, 0), put(6, 0)], 9, &[6]),
            (&[put(2, 0), deletion(4), put(6, 0)], 5, &[6]),
            (&[put(2, 0), deletion(4)], 3, &[2, 4]),
            (&[put(2, 0), deletion(4)], 4, &[4]),
            (&[put(2, 0), deletion(4)], 5, &[]),
        ];
        for (versions, horizon, kept) in cases {
            let mut index = index(versions);
            let mut dropped = 0;
            index.prune(&"k".into(), *horizon, |_| dropped += 1);
            assert_eq!(revisions(&index), *kept, "{versions:?} at {horizon}");
            assert_eq!(dropped + kept.len(), versions.len());
        }
    }

    #[test]
    fn an_undone_version_leaves_no_trace() {
        let mut index = index(&[put(2, 50)]);
        index.insert("k".into(), |_| put(3, 0));
        assert_eq!(index.next_due(), None);
        index.insert("new".into(), |_| put(3, 40));
        index.undo(&"new".into());
        index.undo(&"k".into());
        assert_eq!(revisions(&index), [2]);
        assert_eq!(index.next_due(), Some(50));
        assert_eq!(index.key_count(), 1);
    }

    #[test]
    fn keys_are_due_in_their_order() {
        let mut index = Index::default();
        for (key, due) in [("a", 30), ("b", 10), ("c", 20), ("d", 0)] {
            index.insert(key.into(), |_| put(1, due));
        }
        assert_eq!(index.due(20, 9), ["b", "c"].map(Key::from));
        assert_eq!(index.due(99, 1), ["b"].map(Key::from));
    }
}
