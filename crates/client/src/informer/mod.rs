//! Informers: a local, always current copy of a set of objects, and word of each change.
//!
//! One task lists and then watches; it lists again only when the server no longer holds the version it had reached.
//! Handlers are called by that task, in order, deletes included, and must not block: they put a key into a queue.

mod peek;
mod reflector;
mod shared;
mod shared_objects;
mod store;

pub use shared::Informers;
pub use store::Store;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::{Client, Kind};
use crate::options::ListOptions;

/// A change of one object. Both are there for a change in place; only `new` for an object that came, only `old` for one
/// that went.
#[derive(Clone, Debug)]
pub struct Change<K> {
    /// Before.
    pub old: Option<Arc<K>>,
    /// After.
    pub new: Option<Arc<K>>,
}

impl<K> Change<K> {
    /// The object: its new state, or its last one if it is gone.
    pub fn object(&self) -> Option<&Arc<K>> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// The states there are, new one first: for handlers that must look at both (a pod that changes owner).
    pub fn states(&self) -> impl Iterator<Item = &Arc<K>> {
        self.new.iter().chain(self.old.iter())
    }
}

type Handler<K> = Box<dyn Fn(&Change<K>) + Send>;

/// A current copy of the objects of one kind that match. Clones share it.
pub struct Informer<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

struct Shared<K> {
    store: Store<K>,
    /// Held while a change is put into the store and told to the handlers, so that a new handler misses none.
    handlers: Mutex<Vec<Handler<K>>>,
    synced: watch::Sender<bool>,
}

impl<K: Kind> Informer<K> {
    /// Starts following the objects of `namespace` (empty: all) that match, until the token fires.
    pub fn start(client: Client, namespace: &str, options: ListOptions, shutdown: CancellationToken) -> Self {
        let informer = Self {
            shared: Arc::new(Shared {
                store: Store::default(),
                handlers: Mutex::default(),
                synced: watch::Sender::new(false),
            }),
        };
        tokio::spawn(reflector::run(
            client,
            namespace.to_owned(),
            options,
            informer.shared.clone(),
            shutdown,
        ));
        informer
    }

    /// The objects.
    pub fn store(&self) -> &Store<K> {
        &self.shared.store
    }

    /// Calls `handler` for each object that is there (as one that came) and for each change from now on.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + 'static) {
        let mut handlers = self.shared.handlers.lock();
        for object in self.shared.store.list() {
            handler(&Change {
                old: None,
                new: Some(object),
            });
        }
        handlers.push(Box::new(handler));
    }

    /// Whether the objects that were there at the start are all known.
    pub fn is_synced(&self) -> bool {
        *self.shared.synced.borrow()
    }

    /// Waits until [`Informer::is_synced`].
    pub async fn synced(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.shared.synced.subscribe().wait_for(|&synced| synced).await;
    }
}

impl<K: Kind> Shared<K> {
    fn apply(&self, new: Arc<K>) {
        let handlers = self.handlers.lock();
        let old = self.store.insert(new.clone());
        let change = Change { old, new: Some(new) };
        tell(&handlers, &change);
        change.let_go();
    }

    fn remove(&self, namespace: &str, name: &str) {
        let handlers = self.handlers.lock();
        if let Some(old) = self.store.remove(namespace, name) {
            let change = Change {
                old: Some(old),
                new: None,
            };
            tell(&handlers, &change);
            change.let_go();
        }
    }

    /// Takes a fresh list: what is not in it is gone.
    fn replace(&self, objects: Vec<Arc<K>>) {
        let handlers = self.handlers.lock();
        for change in self.store.replace(objects) {
            tell(&handlers, &change);
            change.let_go();
        }
    }
}

impl<K: Kind> Change<K> {
    /// The state before is held no longer.
    fn let_go(self) {
        if let Some(old) = self.old {
            shared_objects::release(old);
        }
    }
}

fn tell<K>(handlers: &[Handler<K>], change: &Change<K>) {
    for handler in handlers {
        handler(change);
    }
}
