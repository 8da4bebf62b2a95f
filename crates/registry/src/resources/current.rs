//! The object that a write starts from.

use std::sync::Arc;

use meta::{ResourceVersion, Status};
use store::KeyValue;

use super::Resource;
use crate::object::Object;
use crate::served::Served;

/// An object as it is, or as it was a moment ago: writes begin with what the cache holds and look again only if that turns
/// out to matter.
pub(super) struct Current {
    /// As the kind shows it.
    pub(super) shown: Arc<Object>,
    /// As it lies in the store.
    pub(super) stored: Arc<Object>,
}

impl Current {
    pub(super) fn version(&self) -> Option<ResourceVersion> {
        self.stored.resource_version()
    }
}

/// What is known of a key.
pub(super) struct Known {
    /// None if there is no such object.
    pub(super) current: Option<Current>,
    /// Whether this was the state of the store at some time after the request began.
    pub(super) is_newest: bool,
}

impl Known {
    fn new(served: &Served, stored: Option<Arc<Object>>, is_newest: bool) -> Self {
        let current = stored.map(|stored| Current {
            shown: served.show(&stored),
            stored,
        });
        Self { current, is_newest }
    }

    /// What the store answered with.
    pub(super) fn stored(served: &Served, kv: Option<KeyValue>) -> Result<Self, Status> {
        let stored = kv.map(|kv| served.cache.object_of(kv)).transpose()?;
        Ok(Self::new(served, stored, true))
    }

    fn version(&self) -> Option<ResourceVersion> {
        self.current.as_ref().and_then(Current::version)
    }
}

impl Resource {
    /// What the cache holds, without waiting for anything.
    pub(super) fn at_hand(&self, served: &Served, key: &str) -> Known {
        let caches = &self.shared.caches;
        let newest = caches.store().current_revision().get();
        let is_newest = caches.applied() >= newest;
        Known::new(served, served.cache.get(key), is_newest)
    }

    /// What the cache holds once it shows everything that was committed before the call.
    pub(super) async fn newest(&self, served: &Served, key: &str) -> Known {
        self.shared.caches.catch_up().await;
        Known::new(served, served.cache.get(key), true)
    }

    /// The newest state, if it is another one than `known`.
    pub(super) async fn newer(&self, served: &Served, key: &str, known: &Known) -> Option<Known> {
        if known.is_newest {
            return None;
        }
        let newest = self.newest(served, key).await;
        (newest.version() != known.version()).then_some(newest)
    }
}
