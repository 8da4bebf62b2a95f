//! How many objects of a resource there are in each namespace. A resource is followed from when a quota first limits it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::core::v1::ResourceQuota;
use client::{Client, Error, Informer, WorkQueue};
use meta::GroupResource;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{AFTER_COMING, queue_quotas};
use crate::discovery::{ApiResource, discover};
use crate::key::Key;
use crate::metadata::Metadata;
use crate::metadata_monitor::{Monitor, Sink};

/// UIDs by namespace.
type ByNamespace = HashMap<String, HashSet<String>>;

/// The counts.
pub(super) struct Counts {
    sink: Arc<Counting>,
    followed: Mutex<HashMap<GroupResource, watch::Receiver<bool>>>,
    shutdown: CancellationToken,
}

struct Counting {
    client: Client,
    quotas: Informer<ResourceQuota>,
    queue: WorkQueue<Key>,
    objects: Mutex<HashMap<GroupResource, ByNamespace>>,
}

fn name(resource: &ApiResource) -> GroupResource {
    GroupResource {
        group: resource.group.clone().into(),
        resource: resource.plural.clone().into(),
    }
}

impl Counts {
    pub(super) fn new(
        client: Client,
        quotas: Informer<ResourceQuota>,
        queue: WorkQueue<Key>,
        shutdown: CancellationToken,
    ) -> Self {
        let sink = Counting {
            client,
            quotas,
            queue,
            objects: Mutex::default(),
        };
        Self {
            sink: Arc::new(sink),
            followed: Mutex::default(),
            shutdown,
        }
    }

    /// How many objects of the resource are in the namespace; none of a resource that is not served.
    pub(super) async fn count(&self, resource: &GroupResource, namespace: &str) -> Result<usize, Error> {
        let Some(mut synced) = self.follow(resource).await? else {
            return Ok(0);
        };
        // An error means that the monitor has ended, as everything does then.
        let _ = synced.wait_for(|&synced| synced).await;
        let objects = self.sink.objects.lock();
        let in_namespace = objects
            .get(resource)
            .and_then(|by_namespace| by_namespace.get(namespace));
        Ok(in_namespace.map_or(0, HashSet::len))
    }

    async fn follow(&self, resource: &GroupResource) -> Result<Option<watch::Receiver<bool>>, Error> {
        if let Some(synced) = self.followed.lock().get(resource) {
            return Ok(Some(synced.clone()));
        }
        let served = discover(&self.sink.client).await?.preferred();
        let Some(found) = served.into_iter().find(|served| {
            name(served) == *resource && served.namespaced && served.can("list") && served.can("watch")
        }) else {
            return Ok(None);
        };
        let mut followed = self.followed.lock();
        if let Some(synced) = followed.get(resource) {
            return Ok(Some(synced.clone()));
        }
        let (sender, synced) = watch::channel(false);
        let monitor = Monitor::new(self.sink.clone(), found, sender);
        let shutdown = self.shutdown.clone();
        tokio::spawn(shutdown.run_until_cancelled_owned(monitor.run()));
        followed.insert(resource.clone(), synced.clone());
        Ok(Some(synced))
    }
}

impl Counting {
    fn queue(&self, namespace: &str, delay: Duration) {
        queue_quotas(&self.quotas, &self.queue, namespace, delay);
    }
}

impl Sink for Counting {
    fn client(&self) -> &Client {
        &self.client
    }

    fn replaced(&self, resource: &Arc<ApiResource>, objects: &[Metadata]) {
        let mut by_namespace = ByNamespace::new();
        for object in objects {
            let uids = by_namespace.entry(object.namespace.clone()).or_default();
            uids.insert(object.uid.clone());
        }
        let old = self.objects.lock().insert(name(resource), by_namespace);
        for namespace in old.into_iter().flat_map(HashMap::into_keys) {
            self.queue(&namespace, Duration::ZERO);
        }
    }

    fn observed(&self, resource: &Arc<ApiResource>, object: &Metadata) {
        let is_new = {
            let mut objects = self.objects.lock();
            let by_namespace = objects.entry(name(resource)).or_default();
            let uids = by_namespace.entry(object.namespace.clone()).or_default();
            uids.insert(object.uid.clone())
        };
        if is_new {
            self.queue(&object.namespace, AFTER_COMING);
        }
    }

    fn gone(&self, resource: &Arc<ApiResource>, object: &Metadata) {
        if let Some(by_namespace) = self.objects.lock().get_mut(&name(resource))
            && let Some(uids) = by_namespace.get_mut(&object.namespace)
        {
            uids.remove(&object.uid);
            if uids.is_empty() {
                by_namespace.remove(&object.namespace);
            }
        }
        self.queue(&object.namespace, Duration::ZERO);
    }
}
