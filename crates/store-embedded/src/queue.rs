//! The transactions that wait to be committed.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;
use store::{Revision, StoreError};
use tokio::sync::oneshot;

use crate::engine::{Judged, Prepared};

/// Transactions that came together. Most come alone.
pub(crate) type Batch = SmallVec<[Prepared; 1]>;
/// How each of them ended.
pub(crate) type Ends = SmallVec<[Result<Judged, StoreError>; 1]>;

/// Something for the writer to do.
#[derive(Debug)]
pub(crate) enum Request {
    /// Commit each, and say how that went.
    Commit {
        batch: Batch,
        size: usize,
        answer: oneshot::Sender<Result<Ends, StoreError>>,
    },
    /// Compact, and say how that went.
    Compact {
        revision: Revision,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Find out whether the disk takes writes again.
    Probe {
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

impl Request {
    fn size(&self) -> usize {
        match self {
            Self::Commit { size, .. } => *size,
            Self::Compact { .. } | Self::Probe { .. } => 0,
        }
    }
}

/// What the writer found in the queue.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Requests, in their order.
    Requests(Vec<Request>),
    /// Nothing until the deadline.
    Nothing,
    /// Nothing, and nothing will come any more.
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Request>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// Adds a request, unless too much waits already.
    pub(crate) fn push(&self, request: Request, limit: usize) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.bytes > 0 && state.bytes + request.size() > limit {
            return Err(StoreError::Unavailable(
                "too many writes wait for the disk".to_owned(),
            ));
        }
        state.bytes += request.size();
        state.waiting.push_back(request);
        if state.waiting.len() == 1 {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Whether nobody waits, and requests are taken.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.waiting.is_empty() && !state.closed
    }

    /// Takes what waits, up to about so many bytes. Waits for something, but not beyond the deadline.
    pub(crate) fn take(&self, max_bytes: usize, deadline: Option<Instant>) -> Taken {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() && state.waiting.is_empty() {
                        return Taken::Nothing;
                    }
                }
            }
        }
        Taken::Requests(state.take(max_bytes))
    }

    /// Takes no more requests. Those that wait are still done.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn take(&mut self, max_bytes: usize) -> Vec<Request> {
        let mut bytes = 0;
        let mut count = 0;
        for request in &self.waiting {
            bytes += request.size();
            if count > 0 && bytes > max_bytes {
                bytes -= request.size();
                break;
            }
            count += 1;
        }
        self.bytes -= bytes;
        self.waiting.drain(..count).collect()
    }
}
