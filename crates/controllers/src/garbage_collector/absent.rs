//! Owners that are known to be gone, so that each is looked for once and not once for every dependent.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// So many are remembered, as upstream has it; the oldest is forgotten first.
const LIMIT: usize = 500;

/// UID and namespace (empty for cluster-scoped objects).
type Place = (Arc<str>, Arc<str>);

/// Owners that are gone. A UID never comes back, so what is in here stays true.
#[derive(Debug, Default)]
pub(super) struct Absent {
    known: HashSet<Place>,
    order: VecDeque<Place>,
}

impl Absent {
    pub(super) fn insert(&mut self, uid: &str, namespace: &str) {
        let place: Place = (uid.into(), namespace.into());
        if !self.known.insert(place.clone()) {
            return;
        }
        self.order.push_back(place);
        if self.order.len() > LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, uid: &str, namespace: &str) -> bool {
        self.known.contains(&(uid.into(), namespace.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut absent = Absent::default();
        for n in 0..=LIMIT {
            absent.insert(&n.to_string(), "a");
        }
        assert!(!absent.contains("0", "a"));
        assert!(absent.contains("1", "a"));
        assert!(!absent.contains("1", "b"));
    }
}
