//! When a client that was turned away should come again: the later, the more are turned away.

use std::collections::VecDeque;

/// Seconds at most.
const LATEST: u64 = 32;

/// What was turned away in the last seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RetryAfter {
    seconds: u64,
    raised_at: u64,
    /// Seconds and how many were turned away in each, the present one last.
    history: VecDeque<(u64, u64)>,
}

impl Default for RetryAfter {
    fn default() -> Self {
        Self {
            seconds: 1,
            raised_at: 0,
            history: VecDeque::new(),
        }
    }
}

impl RetryAfter {
    /// One more is turned away in second `now`; tells after how many it should come again.
    pub(super) fn turn_away(&mut self, now: u64) -> u64 {
        if let Some((second, count)) = self.history.back_mut()
            && *second >= now
        {
            *count += 1;
            return self.seconds;
        }
        self.judge(now);
        self.history.push_back((now, 1));
        self.seconds
    }

    /// Twice as long where three times as many were turned away in that time as it has seconds; a second less where it was
    /// fewer than it has.
    fn judge(&mut self, now: u64) {
        while self
            .history
            .front()
            .is_some_and(|(second, _)| now - second > LATEST)
        {
            self.history.pop_front();
        }
        let recent = self
            .history
            .iter()
            .filter(|(second, _)| now - second <= self.seconds);
        let count: u64 = recent.map(|(_, count)| count).sum();
        if now - self.raised_at >= self.seconds && count >= 3 * self.seconds {
            self.seconds = (self.seconds * 2).min(LATEST);
            self.raised_at = now;
        } else if count < self.seconds && self.seconds > 1 {
            self.seconds -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_come_later_while_many_are_turned_away() {
        let mut retry_after = RetryAfter::default();
        let mut many = |now, count| (0..count).fold(0, |_, _| retry_after.turn_away(now));
        for (now, count, expected) in [
            (100, 2, 1),
            (101, 3, 1),
            (102, 6, 2),
            // Raised a second ago.
            (103, 6, 2),
            (104, 1, 4),
            // None was turned away in the last four seconds.
            (109, 1, 3),
            (200, 1, 2),
            (300, 1, 1),
            (400, 1, 1),
        ] {
            assert_eq!(many(now, count), expected, "{now}");
        }
    }
}
