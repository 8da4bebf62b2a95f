//! A job whose pods fail makes new ones ever more slowly.

use std::time::Duration;

use jiff::Timestamp;

use crate::pod::elapsed;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);

/// Failures since the last success, and when the last one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Timestamp>,
}

impl Backoff {
    /// So many failures, the last one then.
    pub(super) fn after(failures: u32, last: Timestamp) -> Self {
        Self {
            failures,
            last: Some(last),
        }
    }

    /// Takes in what happened since: a success starts over.
    #[must_use]
    pub(super) fn with(self, some_succeeded: bool, failed_at: impl Iterator<Item = Timestamp>) -> Self {
        let before = if some_succeeded { Self::default() } else { self };
        failed_at.fold(before, |backoff, at| Self {
            failures: backoff.failures.saturating_add(1),
            last: backoff.last.max(Some(at)),
        })
    }

    /// How long to wait still before a new pod is made.
    pub(super) fn left(self, now: Timestamp) -> Duration {
        let (Some(last), 1..) = (self.last, self.failures) else {
            return Duration::ZERO;
        };
        let doubled = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        let wait = FIRST.saturating_mul(doubled).min(LONGEST);
        wait.saturating_sub(elapsed(last, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_a_success_ends_them() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let check = |backoff: Backoff, now: i64, seconds: u64| {
            assert_eq!(backoff.left(at(now)), Duration::from_secs(seconds));
        };
        let once = Backoff::default().with(false, [at(100)].into_iter());
        check(Backoff::default(), 100, 0);
        check(once, 100, 10);
        check(once, 110, 0);
        let thrice = once.with(false, [at(105), at(102)].into_iter());
        check(thrice, 105, 40);
        check(thrice.with(true, std::iter::empty()), 105, 0);
        check(Backoff::after(90, at(0)), 0, 600);
    }
}
