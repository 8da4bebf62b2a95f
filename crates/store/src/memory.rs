//! The reference model: a store in plain memory, small enough to be seen to be right.
//!
//! Every other backend is compared with it. It keeps all history until told to compact, loses everything when
//! dropped, and takes one lock for each operation. Tests use it, and so may a control plane that is thrown
//! away after use.

mod expiry;
mod state;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{
    Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchRequest, WatchStream,
};
use state::State;

/// A [`StateStore`] in memory. Clones share one store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

/// What the store, its watches and its expiry task share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Woken when there is something new to watch.
    changed: Notify,
    /// Woken when another key is the next to come due, and when the store goes.
    expiry_changed: Arc<Notify>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.expiry_changed.notify_one();
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that stands at `revision`, as if it had counted that far.
    pub fn starting_at(revision: Revision) -> Self {
        let store = Self::new();
        store.shared.state.lock().window.current = revision;
        store
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    fn current_revision(&self) -> Revision {
        self.shared.state.lock().window.current
    }

    fn compacted_revision(&self) -> Revision {
        self.shared.state.lock().window.compacted
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.shared.state.lock().range(&request)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        transaction.validate()?;
        let mut state = self.shared.state.lock();
        let due_before = state.next_due();
        let outcome = state.commit(transaction, Instant::now());
        if state.next_due() != due_before {
            expiry::ensure_running(&mut state, &self.shared);
            self.shared.expiry_changed.notify_one();
        }
        drop(state);
        self.shared.changed.notify_waiters();
        Ok(outcome)
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        watch::open(self.shared.clone(), request)
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.shared.state.lock().compact(revision)?;
        self.shared.changed.notify_waiters();
        Ok(())
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let (revision, entries) = self.shared.state.lock().snapshot(Instant::now());
        Ok(Snapshot {
            revision,
            entries: futures::stream::iter(entries).map(Ok).boxed(),
        })
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
