//! All resources of a server over one store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use meta::{GroupResource, GroupVersionResource, Reason, ResourceVersion, Status};
use parking_lot::Mutex;
use resource::{Descriptor, Kind};
use store::StateStore;

use crate::action::Action;
use crate::admission::{Admission, AdmitAll};
use crate::caches::Caches;
use crate::converter::Converter;
use crate::custom_resources::{CustomResource, CustomResources};
use crate::hooks::Hooks;
use crate::observed::Observed;
use crate::recent_trees::RecentTrees;
use crate::resources::Resource;
use crate::storage_encoding::{StorageEncoding, StoredKind};

/// What a cluster adds to its resources.
pub struct Plugins {
    /// Changes and refuses writes.
    pub admission: Arc<dyn Admission>,
    /// Around the writes of a resource.
    pub hooks: HashMap<GroupResource, Arc<dyn Hooks>>,
    /// Actions by resource and subresource; the subresource of a virtual resource is empty.
    pub actions: HashMap<(GroupResource, String), Arc<dyn Action>>,
    /// Who looks at resources that are not stored.
    pub observed: HashMap<GroupResource, Arc<dyn Observed>>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            admission: Arc::new(AdmitAll),
            hooks: HashMap::new(),
            actions: HashMap::new(),
            observed: HashMap::new(),
        }
    }
}

/// What every resource of a registry works with.
pub(crate) struct Shared {
    pub(crate) caches: Arc<Caches>,
    pub(crate) recent: RecentTrees,
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
    built_in: HashMap<GroupVersionResource, Arc<Resource>>,
    /// The kinds that come and go.
    custom: ArcSwap<CustomResources>,
    /// All resources, in the order the built-in kinds were given, the others behind them.
    all: ArcSwap<Vec<Arc<Resource>>>,
    /// Held by who changes the resources.
    changing: Mutex<()>,
    /// Counts the changes.
    changes: AtomicU64,
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
                recent: RecentTrees::default(),
                plugins: OnceLock::new(),
                registry: Weak::clone(registry),
            });
            let resource = |place: usize| {
                let prefix = &kinds[place].descriptor().storage_prefix;
                let cache = shared.caches.get(prefix).cloned();
                Arc::new(Resource::new(&kinds, place, cache, None, Arc::clone(&shared)))
            };
            let resources: Vec<_> = (0..kinds.len()).map(resource).collect();
            let named = resources
                .iter()
                .map(|resource| (resource.name().clone(), Arc::clone(resource)));
            Inner {
                built_in: named.collect(),
                custom: ArcSwap::default(),
                all: ArcSwap::from_pointee(resources),
                changing: Mutex::default(),
                changes: AtomicU64::new(0),
                shared,
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
        if let Some(built_in) = self.inner.built_in.get(resource) {
            return Some(Arc::clone(built_in));
        }
        self.inner.custom.load().get(resource)
    }

    /// Every resource as of now: the built-in ones in the order their kinds were given, then the others by group and name. The
    /// same vector as long as none comes or goes.
    pub fn resources(&self) -> Arc<Vec<Arc<Resource>>> {
        self.inner.all.load_full()
    }

    /// How often resources have come or gone.
    pub fn changes(&self) -> u64 {
        self.inner.changes.load(Ordering::Acquire)
    }

    /// Serves a custom resource, in place of what was served under its name: watches of that end. `kinds` are all versions in
    /// which its objects may lie in the store; exactly one does not convert, and those without verbs are not served. Where
    /// versions differ in more than their names, `converter` turns objects of one into those of another. When this is done,
    /// reads show all there is.
    ///
    /// # Errors
    /// If there is a built-in resource of the name or with the same place in the store, or the store fails.
    pub async fn serve(
        &self,
        kinds: &[Arc<dyn Kind>],
        converter: Option<Arc<dyn Converter>>,
    ) -> Result<(), Status> {
        let stored = kinds.iter().find(|kind| !kind.converts());
        let stored =
            stored.ok_or_else(|| Status::internal("a custom resource has no version to be stored in"))?;
        let name = stored.descriptor().group_resource();
        self.ensure_no_built_in(stored.descriptor())?;
        let shared = &self.inner.shared;
        let stored = StoredKind::new(Arc::clone(stored), kinds, StorageEncoding::Json);
        let stored = match converter {
            Some(_) => stored.without_conversion(),
            None => stored,
        };
        let cache = shared.caches.add(stored).await?;
        // What came before the exchange is told by the watches that end with it.
        shared.caches.catch_up().await?;
        let resource = |place: usize| {
            let (cache, converter) = (Some(Arc::clone(&cache)), converter.clone());
            Arc::new(Resource::new(kinds, place, cache, converter, Arc::clone(shared)))
        };
        let served = CustomResource {
            versions: (0..kinds.len()).map(resource).collect(),
            cache: Arc::clone(&cache),
        };
        self.exchange(&name, Some(served));
        Ok(())
    }

    /// Serves a custom resource no more. Its watches end; what lies in the store stays there.
    pub fn withdraw(&self, name: &GroupResource) {
        self.exchange(name, None);
    }

    /// A custom resource in the version its objects are stored in, whether or not it is served in that.
    pub fn stored(&self, name: &GroupResource) -> Option<Arc<Resource>> {
        self.inner.custom.load().stored(name)
    }

    fn ensure_no_built_in(&self, descriptor: &Descriptor) -> Result<(), Status> {
        let name = descriptor.group_resource();
        let overlaps = |built_in: &Arc<Resource>| {
            *built_in.group_resource() == name
                || built_in.kind().descriptor().storage_prefix == descriptor.storage_prefix
        };
        if self.inner.built_in.values().any(overlaps) {
            let message = format!("{name} is a built-in resource");
            return Err(Status::failure(409, Reason::CONFLICT, message));
        }
        Ok(())
    }

    fn exchange(&self, name: &GroupResource, served: Option<CustomResource>) {
        let _others_wait = self.inner.changing.lock();
        let (custom, before) = self.inner.custom.load().with(name, served);
        let built_in = self.inner.all.load();
        let built_in = built_in.iter().take(self.inner.built_in.len()).cloned();
        let all: Vec<_> = built_in.chain(custom.served().cloned()).collect();
        self.inner.custom.store(Arc::new(custom));
        self.inner.all.store(Arc::new(all));
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(before) = before {
            before.cache.close();
        }
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
