//! What became of the requests of a flow schema.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no queue.
    ConcurrencyLimit,
    /// Its queue is full.
    QueueFull,
    /// It waited too long.
    TimeOut,
    /// Who asked is gone.
    Cancelled,
}

impl Refused {
    pub(super) const ALL: [Self; 4] = [
        Self::Cancelled,
        Self::ConcurrencyLimit,
        Self::QueueFull,
        Self::TimeOut,
    ];

    /// As metrics call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ConcurrencyLimit => "concurrency-limit",
            Self::QueueFull => "queue-full",
            Self::TimeOut => "time-out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Counts of requests, by schema and level.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Given a seat.
    pub(super) dispatched: AtomicU64,
    /// Done with it.
    pub(super) finished: AtomicU64,
    /// Put into a queue.
    pub(super) queued: AtomicU64,
    /// Out of it again.
    pub(super) left: AtomicU64,
    refused: [AtomicU64; 4],
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    /// One more was turned away.
    pub(super) fn refuse(&self, why: Refused) {
        count(&self.refused[why as usize]);
    }

    /// How many were turned away.
    pub(super) fn refused(&self, why: Refused) -> u64 {
        self.refused[why as usize].load(Ordering::Relaxed)
    }

    /// How many are being worked on.
    pub(super) fn executing(&self) -> u64 {
        now_between(&self.dispatched, &self.finished)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> u64 {
        now_between(&self.queued, &self.left)
    }
}

/// How many came and have not gone. Who goes was counted when it came.
fn now_between(came: &AtomicU64, gone: &AtomicU64) -> u64 {
    let gone = gone.load(Ordering::Relaxed);
    came.load(Ordering::Relaxed).saturating_sub(gone)
}
