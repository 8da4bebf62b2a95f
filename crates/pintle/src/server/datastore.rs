//! The store that keeps the cluster's state: opened here and nowhere else.

use std::sync::Arc;

use cluster::DataDir;
use store::StateStore;
use store_embedded::EmbeddedStore;

use super::error::StartError;
use super::options::ServerOptions;

/// The store of this server.
pub(super) struct Datastore {
    store: Kind,
    is_new: bool,
}

enum Kind {
    Embedded(Arc<EmbeddedStore>),
}

/// Opens the store that the options name: the embedded one, in the data directory.
pub(super) async fn open(_options: &ServerOptions, data_dir: &DataDir) -> Result<Datastore, StartError> {
    embedded(data_dir)
}

fn embedded(data_dir: &DataDir) -> Result<Datastore, StartError> {
    let folder = data_dir.store();
    let store = EmbeddedStore::open(&folder, store_embedded::Options::default())
        .map_err(StartError::store(folder))?;
    Ok(Datastore {
        is_new: store.current_revision().is_zero(),
        store: Kind::Embedded(Arc::new(store)),
    })
}

impl Datastore {
    /// The store itself.
    pub(super) fn store(&self) -> Arc<dyn StateStore> {
        match &self.store {
            Kind::Embedded(store) => store.clone(),
        }
    }

    /// Whether it held no cluster when it was opened.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Closes it, when nobody writes to it any more.
    pub(super) fn close(&self) {
        match &self.store {
            Kind::Embedded(store) => store.close(),
        }
    }
}
