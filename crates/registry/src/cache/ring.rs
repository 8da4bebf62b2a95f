//! The recent changes of a resource, in order, bounded in bytes, number and age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::change::Change;

/// The bytes of replaced states that are kept for each resource.
const MAX_BYTES: usize = 16 << 20;
/// The number of changes kept for each resource.
const MAX_CHANGES: usize = 1 << 16;
/// How long a change is kept at most: as long as upstream's store keeps history, so that clients come back in time.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Changes, numbered from zero in the order they came.
#[derive(Debug)]
pub(crate) struct Ring {
    changes: VecDeque<(Instant, Arc<Change>)>,
    /// The number of the oldest change held.
    first: u64,
    bytes: usize,
    /// Every change after this revision is held.
    complete_after: u64,
}

impl Ring {
    /// No changes, for a resource that was read at `revision`.
    pub(crate) fn new(revision: u64) -> Self {
        Self {
            changes: VecDeque::new(),
            first: 0,
            bytes: 0,
            complete_after: revision,
        }
    }

    pub(crate) fn push(&mut self, change: Arc<Change>, now: Instant) {
        self.bytes += change.cost();
        self.changes.push_back((now, change));
        while self.is_overfull(now) {
            self.pop();
        }
    }

    fn is_overfull(&self, now: Instant) -> bool {
        let too_old = |(at, _): &(Instant, _)| now.duration_since(*at) > MAX_AGE;
        self.bytes > MAX_BYTES
            || self.changes.len() > MAX_CHANGES
            || self.changes.front().is_some_and(too_old)
    }

    fn pop(&mut self) {
        if let Some((_, change)) = self.changes.pop_front() {
            self.first += 1;
            self.bytes -= change.cost();
            self.complete_after = change.revision.get();
        }
    }

    /// Forgets everything: the resource was read anew at `revision`. Numbers go on.
    pub(crate) fn restart(&mut self, revision: u64) {
        self.first = self.end() + 1;
        self.changes.clear();
        self.bytes = 0;
        self.complete_after = revision;
    }

    /// The change of that number, if it is still held.
    pub(crate) fn get(&self, number: u64) -> Option<&Arc<Change>> {
        let at = number.checked_sub(self.first)?;
        self.changes
            .get(usize::try_from(at).ok()?)
            .map(|(_, change)| change)
    }

    /// The number of the oldest change held.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number the next change will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// The revision after which every change is held.
    pub(crate) fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// The changes after `revision`, oldest first. None if some are no longer held.
    pub(crate) fn after(&self, revision: u64) -> Option<impl DoubleEndedIterator<Item = &Arc<Change>>> {
        if revision < self.complete_after {
            return None;
        }
        let from = self
            .changes
            .partition_point(|(_, change)| change.revision.get() <= revision);
        Some(self.changes.range(from..).map(|(_, change)| change))
    }
}

#[cfg(test)]
mod tests {
    use meta::ResourceVersion;

    use super::*;

    fn change(revision: u64) -> Arc<Change> {
        let revision = ResourceVersion::new(revision).expect("not zero");
        Arc::new(Change::new(revision, None, None))
    }

    fn revisions_after(ring: &Ring, revision: u64) -> Option<Vec<u64>> {
        let changes = ring.after(revision)?;
        Some(changes.map(|change| change.revision.get()).collect())
    }

    #[test]
    fn changes_are_found_by_number_and_by_revision() {
        let mut ring = Ring::new(10);
        let now = Instant::now();
        for revision in [12, 12, 15] {
            ring.push(change(revision), now);
        }
        assert_eq!((ring.first(), ring.end()), (0, 3));
        assert_eq!(ring.get(2).map(|c| c.revision.get()), Some(15));
        assert!(ring.get(3).is_none());
        let cases = [
            (9, None),
            (10, Some(vec![12, 12, 15])),
            (11, Some(vec![12, 12, 15])),
            (12, Some(vec![15])),
            (20, Some(vec![])),
        ];
        for (revision, expected) in cases {
            assert_eq!(revisions_after(&ring, revision), expected, "after {revision}");
        }
    }

    #[test]
    fn old_changes_make_room() {
        let mut ring = Ring::new(0);
        let start = Instant::now();
        ring.push(change(1), start);
        ring.push(change(2), start + MAX_AGE);
        ring.push(change(3), start + MAX_AGE + Duration::from_secs(1));
        assert_eq!(revisions_after(&ring, 0), None);
        assert_eq!(revisions_after(&ring, 1), Some(vec![2, 3]));
        for revision in 4..MAX_CHANGES as u64 + 10 {
            ring.push(change(revision), start + MAX_AGE);
        }
        assert_eq!(ring.end() - ring.first(), MAX_CHANGES as u64);
    }

    #[test]
    fn a_restart_leaves_no_number_that_was_promised() {
        let mut ring = Ring::new(0);
        ring.push(change(1), Instant::now());
        let promised = ring.end();
        ring.restart(9);
        assert!(ring.first() > promised);
        assert_eq!(revisions_after(&ring, 8), None);
        assert_eq!(revisions_after(&ring, 9), Some(vec![]));
    }
}
