//! What is known of leases, in memory.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use store::{Key, Revision};
use tokio::time::Instant;

/// All leases, which keys each has, and which ends next.
#[derive(Debug, Default)]
pub(super) struct Table {
    leases: HashMap<i64, Lease>,
    /// The lease of each key.
    attached: HashMap<Key, i64>,
    due: BTreeSet<(Instant, i64)>,
}

#[derive(Debug)]
struct Lease {
    seconds: i64,
    /// The revision that wrote it down.
    written: Revision,
    due: Instant,
    keys: BTreeSet<Key>,
}

impl Table {
    /// Adds a lease that begins now.
    pub(super) fn insert(&mut self, id: i64, seconds: i64, written: Revision, now: Instant) {
        let due = end(now, seconds);
        self.due.insert((due, id));
        let lease = Lease {
            seconds,
            written,
            due,
            keys: BTreeSet::new(),
        };
        self.leases.insert(id, lease);
    }

    /// Forgets a lease that has ended.
    pub(super) fn remove(&mut self, id: i64) {
        let Some(lease) = self.leases.remove(&id) else {
            return;
        };
        self.due.remove(&(lease.due, id));
        for key in lease.keys {
            self.attached.remove(&key);
        }
    }

    /// Attaches a key, and detaches it from the lease it had.
    pub(super) fn attach(&mut self, key: Key, id: i64) {
        self.detach(&key);
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key.clone());
            self.attached.insert(key, id);
        }
    }

    /// Detaches a key from the lease it had.
    pub(super) fn detach(&mut self, key: &Key) {
        if self.attached.is_empty() {
            return;
        }
        if let Some(id) = self.attached.remove(key)
            && let Some(lease) = self.leases.get_mut(&id)
        {
            lease.keys.remove(key);
        }
    }

    /// Begins a lease's time anew, unless it is over already. Gives its length in seconds.
    pub(super) fn renew(&mut self, id: i64, now: Instant) -> Option<i64> {
        let lease = self.leases.get_mut(&id).filter(|lease| lease.due > now)?;
        self.due.remove(&(lease.due, id));
        lease.due = end(now, lease.seconds);
        self.due.insert((lease.due, id));
        Some(lease.seconds)
    }

    /// The revision that wrote a lease down.
    pub(super) fn written(&self, id: i64) -> Option<Revision> {
        Some(self.leases.get(&id)?.written)
    }

    /// How long a lease lasts and how much of that is left, in seconds.
    pub(super) fn times(&self, id: i64, now: Instant) -> Option<(i64, i64)> {
        let lease = self.leases.get(&id)?;
        let left = lease.due.saturating_duration_since(now).as_secs();
        Some((lease.seconds, i64::try_from(left).unwrap_or(i64::MAX)))
    }

    /// The keys that were attached to a lease; some may have been changed by others since.
    pub(super) fn keys(&self, id: i64) -> Vec<Key> {
        self.leases
            .get(&id)
            .map(|lease| lease.keys.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// All leases, the one that ends first in front.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.due.iter().map(|(_, id)| *id).collect()
    }

    /// A lease whose time is over.
    pub(super) fn ended(&self, now: Instant) -> Option<i64> {
        self.due.first().filter(|(due, _)| *due <= now).map(|(_, id)| *id)
    }

    /// When the next lease ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }
}

fn end(now: Instant, seconds: i64) -> Instant {
    // Far beyond the longest lease there is for a clock; such a one does not end.
    let seconds = u64::try_from(seconds).unwrap_or_default();
    now.checked_add(Duration::from_secs(seconds)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leases_end_in_their_order() {
        let mut table = Table::default();
        let now = Instant::now();
        table.insert(1, 10, Revision::new(2), now);
        table.insert(2, 5, Revision::new(3), now);
        assert_eq!(table.ids(), [2, 1]);
        let (soon, later) = (now + Duration::from_secs(4), now + Duration::from_secs(6));
        assert_eq!(table.ended(later), Some(2));
        assert_eq!(table.renew(2, later), None, "it is over");
        assert_eq!(table.renew(2, soon), Some(5));
        assert_eq!(table.ended(later), None);
        assert_eq!(table.times(1, later), Some((10, 4)));
        table.remove(1);
        assert_eq!(table.times(1, later), None);
        assert_eq!(table.ids(), [2]);
    }

    #[tokio::test]
    async fn a_key_has_one_lease() {
        let mut table = Table::default();
        let now = Instant::now();
        table.insert(1, 10, Revision::new(2), now);
        table.insert(2, 10, Revision::new(3), now);
        table.attach("a".into(), 1);
        table.attach("b".into(), 1);
        table.attach("a".into(), 2);
        assert_eq!(table.keys(1), [Key::from("b")]);
        assert_eq!(table.keys(2), [Key::from("a")]);
        table.detach(&"b".into());
        assert!(table.keys(1).is_empty());
        table.remove(2);
        table.attach("a".into(), 2);
        assert!(table.attached.is_empty(), "there is no such lease");
    }
}
