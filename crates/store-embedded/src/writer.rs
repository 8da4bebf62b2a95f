//! The writer: the thread that commits what comes together, or to a disk that keeps its callers waiting.
//!
//! While it waits for the disk, requests gather, and are committed together as soon as the disk is done. It
//! sleeps when there is nothing to commit and no key is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::StoreError;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::engine::{Engine, Prepared};
use crate::keeper::Bell;
use crate::queue::{Ends, Queue, Request, Taken};

/// After the disk has failed to take the deletion of keys that are due, it is tried again so much later.
const EXPIRY_RETRY: Duration = Duration::from_secs(10);

pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) keeper: Arc<Bell>,
    pub(crate) clock: Clock,
}

/// Whom to answer, and how many of the transactions are theirs.
type Asked = (usize, oneshot::Sender<Result<Ends, StoreError>>);

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
        let mut group: (Vec<Prepared>, Vec<Asked>) = Default::default();
        for request in requests {
            // Whoever has gone away does not need the answer.
            match request {
                Request::Commit { batch, answer, .. } => {
                    group.1.push((batch.len(), answer));
                    group.0.extend(batch);
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

    fn commit(&self, (transactions, asked): (Vec<Prepared>, Vec<Asked>)) {
        if transactions.is_empty() {
            return;
        }
        let ends = self.engine.commit_prepared(transactions, self.clock.now_ms());
        let mut ends = ends.into_iter();
        for (count, answer) in asked {
            let _ = answer.send(Ok(ends.by_ref().take(count).collect()));
        }
    }
}
