//! Leases for keys with a time to live, shared between keys that are due at about the same time: an Event must not cost a
//! lease of its own.

use std::time::Duration;

use etcd_rpc::message::LeaseGrantRequest;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::answer::{signed, unsigned};
use crate::connections::{Connections, needs_leader};
use crate::failure::Failure;

/// A key may live longer than it was given by this part of its time to live, and at most so much.
const LATE_PART: u32 = 20;
const LATE_AT_MOST: Duration = Duration::from_secs(60);

/// How many keys share a lease at most, so that its end is no burden; upstream's number.
const KEYS_PER_LEASE: u32 = 1000;

/// How many leases are remembered.
const REMEMBERED: usize = 16;

/// The leases that further keys may join.
#[derive(Default)]
pub(crate) struct Leases {
    open: Mutex<Vec<Lease>>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    id: i64,
    /// When etcd ends it, at the earliest.
    ends: Instant,
    keys: u32,
}

/// How much later than it is due a key may go.
fn late(time_to_live: Duration) -> Duration {
    (time_to_live / LATE_PART).min(LATE_AT_MOST)
}

impl Leases {
    /// A lease that ends when `time_to_live` is over from now on, or a little later.
    pub(crate) async fn lease(
        &self,
        connections: &Connections,
        time_to_live: Duration,
    ) -> Result<i64, Failure> {
        let now = Instant::now();
        if let Some(id) = self.join(now, time_to_live) {
            return Ok(id);
        }
        let whole = time_to_live.saturating_add(late(time_to_live));
        let seconds = whole.as_secs() + u64::from(whole.subsec_nanos() > 0);
        let request = LeaseGrantRequest {
            ttl: signed(seconds.max(1)),
            id: 0,
        };
        // A lease that was granted without our knowing of it ends by itself.
        let granted = connections
            .send(connections.reading(), |member| async move {
                member.lease().lease_grant(needs_leader(request)).await
            })
            .await?;
        self.remember(Lease {
            id: granted.id,
            ends: far(now, Duration::from_secs(unsigned(granted.ttl))),
            keys: 1,
        });
        Ok(granted.id)
    }

    /// Takes a place in a lease that ends soon enough after `time_to_live`.
    fn join(&self, now: Instant, time_to_live: Duration) -> Option<i64> {
        let due = far(now, time_to_live);
        let latest = far(due, late(time_to_live));
        let mut open = self.open.lock();
        let lease = open
            .iter_mut()
            .find(|lease| lease.ends >= due && lease.ends <= latest && lease.keys < KEYS_PER_LEASE)?;
        lease.keys += 1;
        Some(lease.id)
    }

    fn remember(&self, lease: Lease) {
        let mut open = self.open.lock();
        if open.len() == REMEMBERED {
            open.remove(0);
        }
        open.push(lease);
    }

    /// Lets go of all leases, because etcd does not know one of them.
    pub(crate) fn forget(&self) {
        self.open.lock().clear();
    }
}

/// The clock ends somewhere; nothing is due then.
fn far(from: Instant, after: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    from.checked_add(after).unwrap_or(from + CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_share_a_lease_if_it_ends_soon_enough() {
        let leases = Leases::default();
        let now = Instant::now();
        let hour = Duration::from_secs(3600);
        let second = Duration::from_secs(1);
        leases.remember(Lease {
            id: 7,
            ends: now + hour + late(hour),
            keys: 1,
        });
        assert_eq!(late(hour), Duration::from_secs(60));
        assert_eq!(leases.join(now, hour), Some(7));
        assert_eq!(leases.join(now + 59 * second, hour), Some(7));
        assert_eq!(
            leases.join(now + 61 * second, hour),
            None,
            "it would end too early"
        );
        assert_eq!(leases.join(now, 10 * second), None, "it would end too late");
        leases.forget();
        assert_eq!(leases.join(now, hour), None);
    }

    #[test]
    fn a_lease_has_a_limit_of_keys() {
        let leases = Leases::default();
        let now = Instant::now();
        let hour = Duration::from_secs(3600);
        leases.remember(Lease {
            id: 7,
            ends: now + hour,
            keys: 1,
        });
        let joined = (0..2000).filter(|_| leases.join(now, hour).is_some()).count();
        assert_eq!(joined, 999);
        for id in 0..100 {
            leases.remember(Lease {
                id,
                ends: now,
                keys: 0,
            });
        }
        assert_eq!(leases.open.lock().len(), REMEMBERED);
    }
}
