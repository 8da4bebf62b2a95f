//! The watches of a store: who has to be woken by what.
//!
//! A watch is a place in history. Those that a commit does not concern are not woken; their place is moved
//! for them, so that they never have to look at what was none of theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use store::{Key, KeyRange};
use tokio::sync::Notify;

use crate::history::Change;

/// All watches that are open.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    places: Mutex<Vec<Arc<Place>>>,
}

/// Where a watch stands.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) range: KeyRange,
    /// The first revision it has not been told about.
    next: AtomicU64,
    progress_wanted: AtomicBool,
    wake: Notify,
}

impl Watches {
    /// Adds a watch that begins with `next`.
    pub(crate) fn add(&self, range: KeyRange, next: u64) -> Arc<Place> {
        let place = Arc::new(Place {
            range,
            next: AtomicU64::new(next),
            progress_wanted: AtomicBool::new(false),
            wake: Notify::new(),
        });
        self.places.lock().push(place.clone());
        place
    }

    pub(crate) fn remove(&self, place: &Arc<Place>) {
        self.places.lock().retain(|other| !Arc::ptr_eq(other, place));
    }

    pub(crate) fn len(&self) -> usize {
        self.places.lock().len()
    }

    /// The keys of some changes in order, if there is anybody to tell.
    pub(crate) fn changed_keys(&self, changes: &[Change]) -> Vec<Key> {
        if self.places.lock().is_empty() {
            return Vec::new();
        }
        let mut keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// The revisions after `before` up to `revision` can be seen now; they changed these keys, which are in
    /// order.
    pub(crate) fn published(&self, before: u64, revision: u64, keys: &[Key]) {
        for place in self.places.lock().iter() {
            if place.is_concerned(keys) {
                place.wake.notify_one();
            } else {
                place.skip(before, revision);
            }
        }
    }
}

impl Place {
    /// The first revision the watch has not been told about.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// The watch has been told about everything up to `revision`.
    pub(crate) fn advance(&self, revision: u64) {
        self.next.fetch_max(revision + 1, Ordering::AcqRel);
    }

    /// Asks for a progress mark.
    pub(crate) fn request_progress(&self) {
        self.progress_wanted.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether a progress mark was asked for; it is not any more.
    pub(crate) fn take_progress_request(&self) -> bool {
        self.progress_wanted.swap(false, Ordering::SeqCst)
    }

    /// Waits until there is something to look at.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Whether one of these keys, which are in order, is in the range.
    fn is_concerned(&self, keys: &[Key]) -> bool {
        let first = keys.partition_point(|key| *key < self.range.start);
        keys.get(first).is_some_and(|key| self.range.contains(key))
    }

    /// Moves over revisions that do not concern the watch, if it has seen all before them.
    fn skip(&self, before: u64, revision: u64) {
        // If it has not, it is awake or about to be, and will look at these revisions itself.
        let _ = self
            .next
            .compare_exchange(before + 1, revision + 1, Ordering::AcqRel, Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_concerned_are_woken() {
        let watches = Watches::default();
        let pods = watches.add(KeyRange::prefix("pods/"), 5);
        let nodes = watches.add(KeyRange::prefix("nodes/"), 5);
        let behind = watches.add(KeyRange::prefix("nodes/"), 3);
        watches.published(4, 6, &["leases/x", "pods/a"].map(Key::from));
        assert_eq!([&pods, &nodes, &behind].map(|place| place.next()), [5, 7, 3]);
        watches.remove(&pods);
        assert_eq!(watches.len(), 2);
    }
}
