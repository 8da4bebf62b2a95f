//! Stores for tests.

// Each test file uses what it needs of it.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchRequest, WatchStream,
};
use store_embedded::simulation::SimulatedDisk;
use store_embedded::{EmbeddedStore, Options};
use tempfile::TempDir;

/// Everything so small that segments, checkpoints and values on disk matter at once.
pub fn tight_options() -> Options {
    Options {
        history: Duration::from_secs(3600),
        segment_bytes: 4096,
        checkpoint_bytes: 1000,
        recent_value_bytes: 10,
        max_group_bytes: 2000,
        // Or the values would be so small that they do not matter.
        pack_values: false,
        commits_on_caller: false,
        ..Options::default()
    }
}

/// Opens the store of a simulated disk.
pub fn open_simulated(disk: &SimulatedDisk, options: Options) -> EmbeddedStore {
    EmbeddedStore::open_disk(Arc::new(disk.clone()), options).expect("the store opens")
}

/// Puts a key, whatever becomes of it.
pub async fn try_put(store: &EmbeddedStore, key: &str, value: &str) -> Result<Revision, StoreError> {
    let value = Bytes::copy_from_slice(value.as_bytes());
    let outcome = store.commit(Transaction::new().put(key.into(), value)).await?;
    Ok(outcome.committed().expect("nothing was demanded"))
}

/// Puts a key.
pub async fn put(store: &EmbeddedStore, key: &str, value: &str) -> Revision {
    try_put(store, key, value).await.expect("the disk takes it")
}

/// The value of a key.
pub async fn get(store: &EmbeddedStore, key: &str) -> Result<Option<String>, StoreError> {
    let found = store.get(&key.into(), None).await?;
    Ok(found.map(|found| String::from_utf8_lossy(&found.value).into_owned()))
}

/// A store on the real disk that takes its directory with it.
pub struct Temporary {
    // In this order, so that the store is closed before its directory goes.
    store: EmbeddedStore,
    _directory: TempDir,
}

impl Temporary {
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let options = Options {
            commits_on_caller: true,
            ..Options::default()
        };
        let store = EmbeddedStore::open(directory.path(), options).expect("the store opens");
        Self {
            store,
            _directory: directory,
        }
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
