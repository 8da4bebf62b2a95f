//! Expectations: writes that the informer has not shown yet. While there are any, a controller does not decide on numbers,
//! or it would create or delete twice.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// After this long an expectation is given up: a full pass repairs whatever was missed.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Expected creations (by number) and deletions (by UID), per key of the owner.
#[derive(Default)]
pub(crate) struct Expectations {
    by_key: Mutex<HashMap<String, Expected>>,
}

struct Expected {
    creations: usize,
    deletions: HashSet<String>,
    since: Instant,
}

impl Expectations {
    /// Whether everything expected has been seen.
    pub(crate) fn are_met(&self, key: &str) -> bool {
        self.by_key.lock().get(key).is_none_or(|expected| {
            (expected.creations == 0 && expected.deletions.is_empty()) || expected.since.elapsed() > TIMEOUT
        })
    }

    /// Creations and deletions are about to be asked for.
    pub(crate) fn expect(&self, key: &str, creations: usize, deletions: impl IntoIterator<Item = String>) {
        let expected = Expected {
            creations,
            deletions: deletions.into_iter().collect(),
            since: Instant::now(),
        };
        self.by_key.lock().insert(key.to_owned(), expected);
    }

    /// A creation was seen, or failed.
    pub(crate) fn created(&self, key: &str) {
        if let Some(expected) = self.by_key.lock().get_mut(key) {
            expected.creations = expected.creations.saturating_sub(1);
        }
    }

    /// A deletion was seen, or failed.
    pub(crate) fn deleted(&self, key: &str, uid: &str) {
        if let Some(expected) = self.by_key.lock().get_mut(key) {
            expected.deletions.remove(uid);
        }
    }

    /// The owner is gone.
    pub(crate) fn forget(&self, key: &str) {
        self.by_key.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_must_be_seen() {
        let expectations = Expectations::default();
        assert!(expectations.are_met("a"));
        expectations.expect("a", 1, ["u".to_owned()]);
        expectations.created("a");
        assert!(!expectations.are_met("a"));
        expectations.deleted("a", "u");
        assert!(expectations.are_met("a"));
    }
}
