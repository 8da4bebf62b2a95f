//! The writer: the one thread that commits.
//!
//! While it waits for the disk, requests gather, and are committed together as soon as the disk is done. It
//! sleeps when there is nothing to commit and no key is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::StoreError;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::engine::{Engine, Judged, Prepared};
use crate::keeper::Bell;
use crate::queue::{Queue, Request, Taken};

/// After the disk has failed to take the deletion of keys that are due, it is tried again so much later.
const EXPIRY_RETRY: Duration = Duration::from_secs(10);

pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) keeper: Arc<Bell>,
    pub(crate) clock: Clock,
}

type Answer = oneshot::Sender<Result<Judged, StoreError>>;

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(crate) fn run(self) {
        let mut retry_expiry_at = None;
        loop {
            let due_at = self
                .engine
                .next_due()
                .and_then(|due_ms| self.clock.instant(due_ms));
            let deadline = due_at.max(retry_expiry_at.filter(|_| due_at.is_some()));
            let occasions = self.engine.occasions();
            match self.queue.take(self.engine.options.max_group_bytes, deadline) {
                Taken::Closed => return,
                Taken::Nothing => {}
                Taken::Requests(requests) => self.serve(requests),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let failed = self.engine.expire(self.clock.now_ms()).is_err();
                retry_expiry_at = failed.then(|| Instant::now() + EXPIRY_RETRY);
            }
            self.keeper.written(&self.engine, occasions);
        }
    }

    /// Does what is asked, and commits as much of it together as stands together.
    fn serve(&self, requests: Vec<Request>) {
        let mut group: (Vec<Prepared>, Vec<Answer>) = Default::default();
        for request in requests {
            // Whoever has gone away does not need the answer.
            match request {
                Request::Commit {
                    transaction, answer, ..
                } => {
                    group.0.push(transaction);
                    group.1.push(answer);
                }
                Request::Compact { revision, answer } => {
                    self.commit(std::mem::take(&mut group));
                    let _ = answer.send(self.engine.compact(revision));
                    self.keeper.ring();
                }
                Request::Probe { answer } => {
                    let _ = answer.send(self.engine.probe());
                }
            }
        }
        self.commit(group);
    }

    fn commit(&self, (transactions, answers): (Vec<Prepared>, Vec<Answer>)) {
        if transactions.is_empty() {
            return;
        }
        let outcomes = self.engine.commit_prepared(transactions, self.clock.now_ms());
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _ = answer.send(outcome);
        }
    }
}
