//! All resources of a server over one store.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use meta::{GroupResource, GroupVersionResource, ResourceVersion, Status};
use resource::Kind;
use store::StateStore;

use crate::action::Action;
use crate::admission::{Admission, AdmitAll};
use crate::caches::Caches;
use crate::hooks::Hooks;
use crate::resources::Resource;
use crate::storage_encoding::StorageEncoding;

/// What a cluster adds to its resources.
pub struct Plugins {
    /// Changes and refuses writes.
    pub admission: Arc<dyn Admission>,
    /// Around the writes of a resource.
    pub hooks: HashMap<GroupResource, Arc<dyn Hooks>>,
    /// Actions by resource and subresource; the subresource of a virtual resource is empty.
    pub actions: HashMap<(GroupResource, String), Arc<dyn Action>>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            admission: Arc::new(AdmitAll),
            hooks: HashMap::new(),
            actions: HashMap::new(),
        }
    }
}

/// What every resource of a registry works with.
pub(crate) struct Shared {
    pub(crate) caches: Arc<Caches>,
    plugins: OnceLock<Plugins>,
    registry: Weak<Inner>,
}

impl Shared {
    /// The plugins; a 503 before they are in.
    pub(crate) fn plugins(&self) -> Result<&Plugins, Status> {
        let starting = || Status::service_unavailable("the server is starting and takes no writes yet");
        self.plugins.get().ok_or_else(starting)
    }

    /// The registry itself; a 503 while it goes down.
    pub(crate) fn registry(&self) -> Result<Registry, Status> {
        let registry = WeakRegistry {
            inner: Weak::clone(&self.registry),
        };
        registry.upgrade()
    }
}

/// A registry, as long as somebody else keeps it.
#[derive(Clone)]
pub struct WeakRegistry {
    inner: Weak<Inner>,
}

impl WeakRegistry {
    /// The registry; a 503 while the server goes down.
    pub fn upgrade(&self) -> Result<Registry, Status> {
        let gone = || Status::service_unavailable("the server is shutting down");
        let inner = self.inner.upgrade().ok_or_else(gone)?;
        Ok(Registry { inner })
    }
}

/// All resources of a server. Cloning is cheap; the last clone takes the caches with it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    resources: Vec<Arc<Resource>>,
    by_name: HashMap<GroupVersionResource, Arc<Resource>>,
}

impl Registry {
    /// Loads the caches of every kind from the store and begins to follow it. Reads work at once; for writes,
    /// [`Registry::plug`] comes first, since plugins read through the registry themselves. Objects are written in
    /// `encoding`; in whatever encoding they are found, they are read.
    pub async fn start(
        store: Arc<dyn StateStore>,
        kinds: Vec<Arc<dyn Kind>>,
        encoding: StorageEncoding,
    ) -> Result<Self, Status> {
        let caches = Arc::new(Caches::start(store, &kinds, encoding).await?);
        let inner = Arc::new_cyclic(|registry| {
            let shared = Arc::new(Shared {
                caches,
                plugins: OnceLock::new(),
                registry: Weak::clone(registry),
            });
            let places = 0..kinds.len();
            let resources: Vec<_> = places
                .map(|place| Arc::new(Resource::new(&kinds, place, Arc::clone(&shared))))
                .collect();
            let named = resources
                .iter()
                .map(|resource| (resource.name().clone(), Arc::clone(resource)));
            Inner {
                by_name: named.collect(),
                shared,
                resources,
            }
        });
        Ok(Self { inner })
    }

    /// Puts the plugins in; writes before that are answered with 503. Only the first call counts.
    pub fn plug(&self, plugins: Plugins) {
        if self.inner.shared.plugins.set(plugins).is_err() {
            tracing::warn!("the registry has its plugins already");
        }
    }

    /// A handle that does not keep the registry alive, for plugins that read through it.
    pub fn downgrade(&self) -> WeakRegistry {
        WeakRegistry {
            inner: Arc::downgrade(&self.inner),
        }
    }

    /// The resource of that name.
    pub fn resource(&self, resource: &GroupVersionResource) -> Option<Arc<Resource>> {
        self.inner.by_name.get(resource).cloned()
    }

    /// Every resource, in the order the kinds were given.
    pub fn resources(&self) -> &[Arc<Resource>] {
        &self.inner.resources
    }

    /// The revision up to which the caches have followed the store.
    pub fn revision(&self) -> Option<ResourceVersion> {
        ResourceVersion::new(self.inner.shared.caches.applied())
    }

    /// How many stored objects cannot be read: damaged on disk, or no objects. Reads of them, and lists with them, are
    /// answered with 500.
    pub fn unreadable_objects(&self) -> usize {
        self.inner.shared.caches.unreadable_objects()
    }

    /// Whether the caches follow the store and plugins are in; else what is missing.
    pub fn ready(&self) -> Result<(), String> {
        if !self.inner.shared.caches.is_following() {
            return Err(String::from("the watch caches have lost the store"));
        }
        self.inner
            .shared
            .plugins()
            .map(|_| ())
            .map_err(|status| status.message)
    }
}
