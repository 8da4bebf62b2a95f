//! How old revisions are: which one has been replaced for long enough to be compacted, and when the next will
//! have been.

use std::collections::VecDeque;

/// So many times in the length of history it is noted which revision is current. Compaction is late by one
/// such interval at most.
const MARKS: u64 = 4;

/// Revisions, and when they were seen to be current.
#[derive(Debug)]
pub(crate) struct Aging {
    history_ms: u64,
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seen_ms: u64,
    revision: u64,
}

impl Aging {
    /// Nothing is known yet.
    pub(crate) fn new(history_ms: u64) -> Self {
        Self {
            history_ms,
            marks: VecDeque::new(),
        }
    }

    /// Notes that `current` is current, if that is news and enough time has passed. Gives the newest revision
    /// that has been replaced for the length of history.
    pub(crate) fn advance(&mut self, now_ms: u64, compacted: u64, current: u64) -> Option<u64> {
        if current > self.newest(compacted) && self.next_mark_ms(now_ms) <= now_ms {
            self.marks.push_back(Mark {
                seen_ms: now_ms,
                revision: current,
            });
        }
        let mut old = None;
        while let Some(mark) = self
            .marks
            .pop_front_if(|mark| mark.seen_ms + self.history_ms <= now_ms)
        {
            old = Some(mark.revision);
        }
        old
    }

    /// When there is something to note or to compact; `None` if nothing was committed that is not noted.
    pub(crate) fn next_ms(&self, now_ms: u64, compacted: u64, current: u64) -> Option<u64> {
        let next_mark = (current > self.newest(compacted)).then(|| self.next_mark_ms(now_ms));
        let next_end = self.marks.front().map(|mark| mark.seen_ms + self.history_ms);
        next_mark.into_iter().chain(next_end).min()
    }

    /// How much time passes between two marks.
    pub(crate) fn interval_ms(&self) -> u64 {
        self.history_ms / MARKS + 1
    }

    fn newest(&self, compacted: u64) -> u64 {
        self.marks.back().map_or(compacted, |mark| mark.revision)
    }

    fn next_mark_ms(&self, now_ms: u64) -> u64 {
        self.marks
            .back()
            .map_or(now_ms, |mark| mark.seen_ms + self.interval_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_age() {
        let mut aging = Aging::new(100);
        // Now, compacted and current revision; what is old then, and when to look again.
        let steps = [
            (1000, 0, 0, None, None),
            (1010, 0, 5, None, Some(1110)),
            (1020, 0, 9, None, Some(1036)),
            (1036, 0, 9, None, Some(1110)),
            (1040, 0, 9, None, Some(1110)),
            (1110, 0, 9, Some(5), Some(1136)),
            (1140, 5, 9, Some(9), Some(1140)),
            (1140, 9, 9, None, None),
        ];
        for (now_ms, compacted, current, old, next) in steps {
            assert_eq!(aging.advance(now_ms, compacted, current), old, "at {now_ms}");
            assert_eq!(aging.next_ms(now_ms, compacted, current), next, "at {now_ms}");
        }
    }
}
