//! Waiting for a state.

use std::time::{Duration, Instant};

/// How often a state that nothing tells of is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// Looks until `state` gives something, and gives that; fails, with what was waited for, after `within`.
pub fn eventually<T>(what: &str, within: Duration, mut state: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        std::thread::sleep(EVERY);
    }
}
