//! The time of day, as far as keys expire by it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day when the store was opened, and the time that has passed since. So a clock that is set
/// while the store is open does not make keys expire early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    opened: Instant,
    opened_ms: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            opened: Instant::now(),
            opened_ms: milliseconds(since_epoch),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.opened_ms.saturating_add(milliseconds(self.opened.elapsed()))
    }

    /// The moment when [`now_ms`](Self::now_ms) will be this. `None` if that is further away than can be
    /// said.
    pub(crate) fn instant(&self, ms: u64) -> Option<Instant> {
        self.opened
            .checked_add(Duration::from_millis(ms.saturating_sub(self.opened_ms)))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
