//! One informer per kind (and selector) for a whole process.

use std::any::{Any, TypeId};
use std::collections::HashMap;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::Informer;
use crate::api::{Client, Kind};
use crate::options::ListOptions;

type Started = HashMap<(TypeId, ListOptions), Box<dyn Any + Send>>;

/// Informers that several parts of a process share: each kind is followed once.
pub struct Informers {
    client: Client,
    shutdown: CancellationToken,
    started: Mutex<Started>,
}

impl Informers {
    /// None yet; each starts when first asked for and ends when the token fires.
    pub fn new(client: Client, shutdown: CancellationToken) -> Self {
        Self {
            client,
            shutdown,
            started: Mutex::default(),
        }
    }

    /// The client they use.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The informer of all objects of a kind.
    pub fn of<K: Kind>(&self) -> Informer<K> {
        self.selected(ListOptions::default())
    }

    /// The informer of the objects of a kind that match.
    pub fn selected<K: Kind>(&self, options: ListOptions) -> Informer<K> {
        let mut started = self.started.lock();
        let entry = started
            .entry((TypeId::of::<K>(), options.clone()))
            .or_insert_with(|| {
                Box::new(Informer::<K>::start(
                    self.client.clone(),
                    "",
                    options,
                    self.shutdown.clone(),
                ))
            });
        // The key holds the type, so the value is of it.
        entry
            .downcast_ref::<Informer<K>>()
            .expect("an informer is kept under its own type")
            .clone()
    }
}
