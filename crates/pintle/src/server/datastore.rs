//! The store that keeps the cluster's state: opened here and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use cluster::DataDir;
use registry::StorageEncoding;
use store::{KeyRange, RangeRequest, StateStore};
use store_embedded::EmbeddedStore;
use store_etcd::{ConnectError, EtcdStore, TlsFiles};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::StartError;
use super::options::{DatastoreOptions, ServerOptions};

/// Below this lie all objects.
const OBJECTS: &str = "/registry/";

/// The store of this server.
pub(super) struct Datastore {
    store: Kind,
    is_new: bool,
}

enum Kind {
    Embedded(Arc<EmbeddedStore>),
    Etcd(Arc<EtcdStore>),
    #[cfg(test)]
    Other(Arc<dyn StateStore>),
}

/// Opens the store that the options name: an etcd, or the embedded one in the data directory.
pub(super) async fn open(options: &ServerOptions, data_dir: &DataDir) -> Result<Datastore, StartError> {
    if options.datastore.endpoints.is_empty() {
        embedded(data_dir).await
    } else {
        etcd(&options.datastore).await
    }
}

async fn embedded(data_dir: &DataDir) -> Result<Datastore, StartError> {
    let folder = data_dir.store();
    let store = EmbeddedStore::open(&folder, store_embedded::Options::default())
        .map_err(StartError::store(folder))?;
    Ok(Datastore {
        is_new: holds_no_cluster(&store).await?,
        store: Kind::Embedded(Arc::new(store)),
    })
}

/// Connects to the etcd that the options name.
pub async fn connect(options: &DatastoreOptions) -> Result<EtcdStore, ConnectError> {
    EtcdStore::connect(store_etcd::Options {
        endpoints: options.endpoints.clone(),
        tls: TlsFiles {
            authority: options.authority.clone(),
            certificate: options.certificate.clone(),
            key: options.key.clone(),
        },
        ..store_etcd::Options::default()
    })
    .await
}

async fn etcd(options: &DatastoreOptions) -> Result<Datastore, StartError> {
    let store = connect(options).await;
    let store = store.map_err(|source| StartError::Datastore { source })?;
    Ok(Datastore {
        is_new: holds_no_cluster(&store).await?,
        store: Kind::Etcd(Arc::new(store)),
    })
}

/// Whether there are no objects in a store. It may have been used for other things, and its revisions say nothing of that.
async fn holds_no_cluster(store: &dyn StateStore) -> Result<bool, StartError> {
    let objects = RangeRequest::new(KeyRange::prefix(OBJECTS)).count_only();
    let objects = store.range(objects).await;
    let objects = objects.map_err(|source| StartError::ReadDatastore { source })?;
    Ok(objects.count == 0)
}

impl Datastore {
    /// A store that several masters of a test share.
    #[cfg(test)]
    pub(super) fn of_test(store: Arc<dyn StateStore>) -> Self {
        Self {
            store: Kind::Other(store),
            is_new: false,
        }
    }

    /// The store itself.
    pub(super) fn store(&self) -> Arc<dyn StateStore> {
        match &self.store {
            Kind::Embedded(store) => store.clone(),
            Kind::Etcd(store) => store.clone(),
            #[cfg(test)]
            Kind::Other(store) => store.clone(),
        }
    }

    /// The store of the data directory, if that is what it is.
    pub(super) fn embedded(&self) -> Option<&Arc<EmbeddedStore>> {
        match &self.store {
            Kind::Embedded(store) => Some(store),
            Kind::Etcd(_) => None,
            #[cfg(test)]
            Kind::Other(_) => None,
        }
    }

    /// Whether it held no cluster when it was opened.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// What objects are written as: in etcd as upstream writes them, so that its API servers may work on the same etcd.
    pub(super) fn encoding(&self) -> StorageEncoding {
        match &self.store {
            Kind::Embedded(_) => StorageEncoding::Json,
            Kind::Etcd(_) => StorageEncoding::Protobuf,
            #[cfg(test)]
            Kind::Other(_) => StorageEncoding::Protobuf,
        }
    }

    /// Has its history forgotten `every` so often; never, if that is zero.
    pub(super) fn keep_compacted(&self, every: Duration, tasks: &TaskTracker, shutdown: &CancellationToken) {
        if every.is_zero() {
            return;
        }
        let (store, shutdown) = (self.store(), shutdown.clone());
        tasks.spawn(async move {
            shutdown
                .run_until_cancelled(registry::compact_history(store, every))
                .await
        });
    }

    /// Whether other masters may use it too.
    pub(super) fn is_shared(&self) -> bool {
        match &self.store {
            Kind::Embedded(_) => false,
            Kind::Etcd(_) => true,
            #[cfg(test)]
            Kind::Other(_) => true,
        }
    }

    /// Closes it, when nobody writes to it any more.
    pub(super) fn close(&self) {
        match &self.store {
            Kind::Embedded(store) => store.close(),
            // Nothing is waiting there to be written.
            Kind::Etcd(_) => {}
            #[cfg(test)]
            Kind::Other(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Transaction;

    use super::*;

    #[tokio::test]
    async fn a_store_that_was_served_to_clients_of_etcd_first_is_still_new() {
        let folder = tempfile::tempdir().expect("folder");
        let data_dir = DataDir::open(folder.path()).expect("held");
        let datastore = embedded(&data_dir).await.expect("opened");
        assert!(datastore.is_new());
        let put = |key: &str| {
            let put = Transaction::new().put(key.into(), "1".into());
            let store = datastore.store();
            async move { store.commit(put).await.map(drop) }
        };
        let store = datastore.store();
        let leases = etcd_api::Lessor::start(store.clone()).await.expect("readable");
        let api = etcd_api::EtcdApi::open(store, leases, etcd_api::Settings::default()).await;
        api.expect("readable");
        put("/somebody/elses").await.expect("put");
        assert!(!datastore.store().current_revision().is_zero());
        assert!(holds_no_cluster(&*datastore.store()).await.expect("read"));
        put("/registry/namespaces/default").await.expect("put");
        assert!(!holds_no_cluster(&*datastore.store()).await.expect("read"));
    }
}
