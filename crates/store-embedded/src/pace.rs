//! Whether a commit is best made by whoever asks for it.
//!
//! Two threads that wake each other cost more than a write to a quick disk. So a transaction that comes alone is
//! committed where it comes from, as long as the disk keeps nobody waiting for longer than other work does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The disk is quick if a frame is durable within this, on average. About as long as the answer to a large list keeps a
/// thread busy.
const QUICK: Duration = Duration::from_micros(250);

/// The average moves by an eighth of what is new, so that one stall has some tens of writes wait elsewhere.
const WEIGHT: u64 = 8;

/// How writes went lately.
#[derive(Debug)]
pub(crate) struct Pace {
    average_nanoseconds: AtomicU64,
    /// How many transactions the last group had.
    together: AtomicUsize,
}

impl Default for Pace {
    /// Nothing is known yet, so nobody is kept waiting.
    fn default() -> Self {
        Self {
            average_nanoseconds: AtomicU64::new(u64::MAX),
            together: AtomicUsize::new(0),
        }
    }
}

impl Pace {
    /// So many transactions were written together, and took so long.
    pub(crate) fn written(&self, together: usize, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let average = match self.average_nanoseconds.load(Ordering::Relaxed) {
            u64::MAX => took,
            average => average - average / WEIGHT + took / WEIGHT,
        };
        self.average_nanoseconds.store(average, Ordering::Relaxed);
        self.together.store(together, Ordering::Relaxed);
    }

    /// Whether the disk is quick, and transactions come alone.
    pub(crate) fn suits_the_caller(&self) -> bool {
        self.together.load(Ordering::Relaxed) == 1
            && u128::from(self.average_nanoseconds.load(Ordering::Relaxed)) <= QUICK.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_alone_to_a_quick_disk_is_for_the_caller() {
        let pace = Pace::default();
        assert!(!pace.suits_the_caller(), "nothing is known");
        let steps = [
            (1, 100, true),
            (2, 100, false),
            (1, 100, true),
            (1, 10_000, false),
            (1, 100, false),
        ];
        for (together, microseconds, expected) in steps {
            pace.written(together, Duration::from_micros(microseconds));
            assert_eq!(
                pace.suits_the_caller(),
                expected,
                "{together} in {microseconds} µs"
            );
        }
        for _ in 0..20 {
            pace.written(1, Duration::from_micros(100));
        }
        assert!(pace.suits_the_caller(), "a stall is forgotten");
    }
}
