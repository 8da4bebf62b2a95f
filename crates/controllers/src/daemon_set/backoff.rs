//! A daemon pod that fails again and again is replaced ever more slowly.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use client::k8s_openapi::api::apps::v1::DaemonSet;
use parking_lot::Mutex;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// By set (and its generation: a change of the set is a new start) and node.
type Key = (String, i64, String);

/// Since when each wait lasts, and how long.
#[derive(Default)]
pub(super) struct Backoff {
    waits: Mutex<HashMap<Key, (Instant, Duration)>>,
}

fn key(set: &DaemonSet, node: &str) -> Key {
    let uid = set.metadata.uid.clone().unwrap_or_default();
    (uid, set.metadata.generation.unwrap_or(0), node.to_owned())
}

impl Backoff {
    /// How long to wait still; none if the pod may be replaced now.
    pub(super) fn left(&self, set: &DaemonSet, node: &str) -> Option<Duration> {
        let (since, wait) = *self.waits.lock().get(&key(set, node))?;
        let left = wait.saturating_sub(since.elapsed());
        (!left.is_zero()).then_some(left)
    }

    /// Whether the pod may be replaced now; if so, the next wait is longer.
    pub(super) fn may_retry(&self, set: &DaemonSet, node: &str) -> bool {
        if self.left(set, node).is_some() {
            return false;
        }
        let now = Instant::now();
        let mut waits = self.waits.lock();
        waits.retain(|_, (since, wait)| since.elapsed() < *wait * 2);
        let wait = waits
            .get(&key(set, node))
            .map_or(FIRST, |(_, wait)| (*wait * 2).min(LONGEST));
        waits.insert(key(set, node), (now, wait));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_failure_waits() {
        let (backoff, set) = (Backoff::default(), DaemonSet::default());
        assert!(backoff.may_retry(&set, "a"));
        assert!(!backoff.may_retry(&set, "a"));
        assert!(backoff.left(&set, "a").is_some());
        assert!(backoff.may_retry(&set, "b"));
    }
}
