//! Waiting longer after each failure, and forgetting failures that lie back far enough.

use std::time::Duration;

use jiff::Timestamp;

/// How long to wait, and how that grows.
#[derive(Clone, Copy, Debug)]
pub struct BackoffRule {
    pub initial: Duration,
    pub max: Duration,
}

/// Restarts of containers and pulls of images, as upstream has it.
pub const SLOW: BackoffRule = BackoffRule {
    initial: Duration::from_secs(10),
    max: Duration::from_secs(300),
};

/// Attempts of the kubelet's own work, such as making a sandbox or reading a Secret that may appear any moment.
pub const QUICK: BackoffRule = BackoffRule {
    initial: Duration::from_secs(1),
    max: Duration::from_secs(10),
};

/// Volumes that could not be mounted, as upstream has it.
pub const MOUNT: BackoffRule = BackoffRule {
    initial: Duration::from_millis(500),
    max: Duration::from_secs(122),
};

/// Failures in a row of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    delay: Duration,
    /// When it was last tried again.
    updated_at: Timestamp,
}

impl Backoff {
    /// The pause that a failure at `failed_at` asks for; zero for the first one, and for one after a long good time.
    pub fn pause(entry: Option<&Self>, rule: BackoffRule, failed_at: Timestamp) -> Duration {
        match entry {
            Some(entry) if !entry.is_forgotten(rule, failed_at) => entry.delay,
            _ => Duration::ZERO,
        }
    }

    /// Notes that it is tried again now, after a failure at `failed_at`.
    pub fn advance(entry: Option<&Self>, rule: BackoffRule, failed_at: Timestamp, now: Timestamp) -> Self {
        let delay = match entry {
            Some(entry) if !entry.is_forgotten(rule, failed_at) => (entry.delay * 2).min(rule.max),
            _ => rule.initial,
        };
        Self {
            delay,
            updated_at: now,
        }
    }

    /// How long the pause is now.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    fn is_forgotten(&self, rule: BackoffRule, at: Timestamp) -> bool {
        at > later(self.updated_at, rule.max * 2)
    }
}

/// A moment after another; the end of time if that is beyond it.
pub fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pauses_double_up_to_the_limit() {
        let mut entry = None;
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let failed_at = at(now);
            let pause = Backoff::pause(entry.as_ref(), SLOW, failed_at);
            pauses.push(pause.as_secs());
            now += pause.as_secs().cast_signed();
            entry = Some(Backoff::advance(entry.as_ref(), SLOW, failed_at, at(now)));
            now += 1;
        }
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_long_good_time_is_a_new_beginning() {
        let entry = Backoff::advance(None, SLOW, at(0), at(0));
        assert_eq!(Backoff::pause(Some(&entry), SLOW, at(600)), SLOW.initial);
        assert_eq!(Backoff::pause(Some(&entry), SLOW, at(601)), Duration::ZERO);
        assert_eq!(
            Backoff::advance(Some(&entry), SLOW, at(601), at(601)).delay(),
            SLOW.initial
        );
    }
}
