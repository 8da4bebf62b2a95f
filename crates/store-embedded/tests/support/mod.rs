//! Stores in temporary directories.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use store::{
    Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchRequest, WatchStream,
};
use store_embedded::{EmbeddedStore, Options};
use tempfile::TempDir;

/// A store whose directory goes with the last of it.
pub struct Temporary {
    // In this order, so that the store is closed before its directory goes.
    store: EmbeddedStore,
    directory: Arc<TempDir>,
    options: Options,
}

/// Everything so small that segments, checkpoints and values on disk matter at once.
pub fn tight_options() -> Options {
    Options {
        history: Duration::from_secs(3600),
        segment_bytes: 4096,
        checkpoint_bytes: 1000,
        recent_value_bytes: 10,
        max_group_bytes: 2000,
        ..Options::default()
    }
}

impl Temporary {
    pub fn new(options: Options) -> Self {
        Self::open(
            Arc::new(TempDir::new().expect("a directory can be made")),
            options,
        )
    }

    fn open(directory: Arc<TempDir>, options: Options) -> Self {
        let store = EmbeddedStore::open(directory.path(), options.clone()).expect("the store opens");
        Self {
            store,
            directory,
            options,
        }
    }

    /// Closes the store and opens it again.
    pub fn reopen(self) -> Self {
        let Self {
            store,
            directory,
            options,
        } = self;
        drop(store);
        Self::open(directory, options)
    }
}

#[async_trait]
impl StateStore for Temporary {
    fn current_revision(&self) -> Revision {
        self.store.current_revision()
    }

    fn compacted_revision(&self) -> Revision {
        self.store.compacted_revision()
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.store.range(request).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        self.store.commit(transaction).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.store.watch(request).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.store.snapshot().await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.store.health().await
    }
}
