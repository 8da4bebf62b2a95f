//! Stores with an etcd of their own.

#![allow(dead_code, reason = "every test program uses its part")]

use async_trait::async_trait;
use etcd_process::{Etcd, EtcdBuilder};
use parking_lot::Mutex;
use store::{
    Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchRequest, WatchStream,
};
use store_etcd::{EtcdStore, Options, TlsFiles};

/// How to reach all members.
pub fn options(etcd: &Etcd) -> Options {
    let tls = etcd.files().map(|files| TlsFiles {
        authority: Some(files.authority.clone()),
        certificate: Some(files.client.clone()),
        key: Some(files.client_key.clone()),
    });
    Options {
        endpoints: etcd.endpoints(),
        tls: tls.unwrap_or_default(),
        ..Options::default()
    }
}

/// A store over all members.
pub async fn connect(etcd: &Etcd) -> EtcdStore {
    EtcdStore::connect(options(etcd)).await.expect("etcd runs")
}

/// Three members over TLS.
pub fn three_over_tls() -> Etcd {
    EtcdBuilder::members(3).tls().start()
}

/// A store with an etcd that goes with it.
pub struct Own {
    store: EtcdStore,
    pub etcd: Mutex<Etcd>,
}

impl Own {
    /// A fresh etcd, and a store in a namespace of it.
    pub async fn new(namespace: &[u8]) -> Self {
        let etcd = tokio::task::spawn_blocking(Etcd::single)
            .await
            .expect("etcd starts");
        let options = Options {
            namespace: namespace.to_vec(),
            ..options(&etcd)
        };
        Self {
            store: EtcdStore::connect(options).await.expect("etcd runs"),
            etcd: Mutex::new(etcd),
        }
    }
}

#[async_trait]
impl StateStore for Own {
    fn current_revision(&self) -> Revision {
        self.store.current_revision()
    }

    async fn latest_revision(&self) -> Result<Revision, StoreError> {
        self.store.latest_revision().await
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
