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
    async fn new(served: &Served, stored: Option<Arc<Object>>, is_newest: bool) -> Result<Self, Status> {
        served.prepare(stored.iter()).await?;
        let current = stored.map(|stored| Current {
            shown: served.show(&stored),
            stored,
        });
        Ok(Self { current, is_newest })
    }

    /// What the store answered with.
    pub(super) async fn stored(served: &Served, kv: Option<KeyValue>) -> Result<Self, Status> {
        let stored = kv.map(|kv| served.cache.object_of(kv)).transpose()?;
        Self::new(served, stored, true).await
    }

    fn version(&self) -> Option<ResourceVersion> {
        self.current.as_ref().and_then(Current::version)
    }
}

impl Resource {
    /// What the cache holds or will soon hold, without waiting for anything. An object that cannot be read there is looked at
    /// once more: it may have been repaired.
    pub(super) async fn at_hand(&self, served: &Served, key: &str) -> Result<Known, Status> {
        match served.cache.get(key) {
            Ok(object) => {
                let object = object.map(|object| self.shared.recent.newest(object));
                Known::new(served, object, false).await
            }
            Err(_) => self.newest(served, key).await,
        }
    }

    /// What the cache holds once it shows everything that was committed before the call.
    pub(super) async fn newest(&self, served: &Served, key: &str) -> Result<Known, Status> {
        self.shared.caches.catch_up().await?;
        Known::new(served, served.cache.get(key)?, true).await
    }

    /// The newest state, if it is another one than `known`.
    pub(super) async fn newer(
        &self,
        served: &Served,
        key: &str,
        known: &Known,
    ) -> Result<Option<Known>, Status> {
        if known.is_newest {
            return Ok(None);
        }
        let newest = self.newest(served, key).await?;
        Ok((newest.version() != known.version()).then_some(newest))
    }
}
