//! What clients asked a store, what they were answered, and when: the input of [`linearizability`](super::linearizability).

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::{KeyRange, Outcome, RangeResponse, Transaction};

/// What a client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// To read all keys of a range, now.
    Range(KeyRange),
    /// To make changes. The value of a put must be one that nobody else puts under the same key.
    Commit(Transaction),
}

/// What it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What a range held.
    Range(RangeResponse),
    /// How a transaction ended.
    Commit(Outcome),
}

/// One operation. Times come from one clock that goes up with everything that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked.
    pub call: Call,
    /// When.
    pub begun: u64,
    /// When it was answered, and what. `None` if the answer was an error or never came: then the operation may have taken
    /// effect at any time after it began, or never.
    pub answered: Option<(u64, Answer)>,
}

/// Is told of every operation as it begins and ends.
pub trait Witness: Send + Sync + 'static {
    /// An operation is about to be asked for; gives a number that is its own.
    fn begun(&self, call: &Call) -> u64;

    /// It was answered.
    fn answered(&self, operation: u64, answer: &Answer);
}

/// Keeps a record in memory.
#[derive(Debug, Default)]
pub struct Recorder {
    clock: AtomicU64,
    operations: Mutex<Vec<Recorded>>,
}

impl Recorder {
    /// What was recorded so far.
    pub fn operations(&self) -> Vec<Recorded> {
        self.operations.lock().clone()
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

impl Witness for Recorder {
    fn begun(&self, call: &Call) -> u64 {
        let mut operations = self.operations.lock();
        operations.push(Recorded {
            call: call.clone(),
            begun: self.now(),
            answered: None,
        });
        operations.len() as u64 - 1
    }

    fn answered(&self, operation: u64, answer: &Answer) {
        let mut operations = self.operations.lock();
        let answered = Some((self.now(), answer.clone()));
        operations[operation as usize].answered = answered;
    }
}
