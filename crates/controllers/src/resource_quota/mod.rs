//! Resource quotas: how much of what they limit is used.
//!
//! What is granted is counted when it is admitted; this controller adds up anew when something is given back, when a quota
//! changes, and, a little later than others, when something has come. It does not for anything else: what was just admitted
//! may not have come here yet, and would be taken off.

mod counts;
mod plan;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota, Service};
use client::k8s_openapi::api::resource::v1::ResourceClaim;
use client::lean::Pod;
use client::{Client, Informer, Kind, ListOptions, ObjectMetadata, Scope, WorkQueue, run_workers};
use jiff::Timestamp;
use meta::GroupResource;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use counts::Counts;

/// The controller's name; also its service account.
pub const NAME: &str = "resourcequota-controller";
const WORKERS: usize = 5;
/// What comes was counted when it was admitted. It is looked at when what was admitted beside it has come, too.
const AFTER_COMING: Duration = Duration::from_secs(2);
/// What was let in is stored soon after it was counted. So long nothing is taken off.
const SETTLING: Duration = Duration::from_millis(500);

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let informers = context.informers();
    let client = context.client(NAME);
    let queue = WorkQueue::new();
    let quotas = informers.of::<ResourceQuota>();
    let controller = Arc::new(Controller {
        counts: Counts::new(client.clone(), quotas.clone(), queue.clone(), context.shutdown()),
        client,
        quotas,
        pods: informers.of::<Pod>(),
        services: informers.of::<Service>(),
        claims: informers.of::<PersistentVolumeClaim>(),
        let_in: Arc::default(),
    });
    controller.watch(&queue);
    controller.quotas.synced().await;
    controller.pods.synced().await;
    controller.services.synced().await;
    controller.claims.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    quotas: Informer<ResourceQuota>,
    pods: Informer<Pod>,
    services: Informer<Service>,
    claims: Informer<PersistentVolumeClaim>,
    counts: Counts,
    /// When a quota let something in last.
    let_in: Arc<Mutex<HashMap<Key, Instant>>>,
}

/// Queues the quotas of a namespace.
fn queue_quotas(quotas: &Informer<ResourceQuota>, queue: &WorkQueue<Key>, namespace: &str, delay: Duration) {
    for quota in quotas.store().in_namespace(namespace) {
        queue.add_after(Key::of(&quota.metadata), delay);
    }
}

/// An informer's objects came as JSON, so they can be written as such.
fn tree<K: Serialize>(object: &Arc<K>) -> Value {
    serde_json::to_value(&**object).unwrap_or_default()
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<Key>) {
        let (to, let_in) = (queue.clone(), self.let_in.clone());
        self.quotas.on_change(move |change| {
            let Some(quota) = &change.new else {
                if let Some(old) = &change.old {
                    let_in.lock().remove(&Key::of(&old.metadata));
                }
                return;
            };
            if change.old.as_ref().is_some_and(|old| plan::lets_in(old, quota)) {
                let_in.lock().insert(Key::of(&quota.metadata), Instant::now());
            }
            // Admission counts in the status what it lets in, before that has come here: to count then would forget it.
            let is_new = change.old.as_ref().is_none_or(|old| old.spec != quota.spec);
            if is_new || plan::has_other_limits(quota) {
                to.add(Key::of(&quota.metadata));
            }
        });
        self.follow_pods(queue);
        self.follow(&self.services, "services", queue);
        self.follow(&self.claims, "persistentvolumeclaims", queue);
    }

    /// Pods report all the time; few of the reports give anything back.
    fn follow_pods(&self, queue: &WorkQueue<Key>) {
        let (to, quotas) = (queue.clone(), self.quotas.clone());
        self.pods.on_change(move |change| {
            let delay = match (&change.old, &change.new) {
                (None, Some(_)) => AFTER_COMING,
                (Some(old), Some(new)) => match plan::may_give_back(old, new, Timestamp::now()) {
                    Some(delay) => delay,
                    None => return,
                },
                (_, None) => Duration::ZERO,
            };
            let namespace = change.object().and_then(|pod| pod.metadata.namespace.as_deref());
            queue_quotas(&quotas, &to, namespace.unwrap_or(""), delay);
        });
    }

    fn follow<K: Kind + Serialize>(
        &self,
        objects: &Informer<K>,
        resource: &'static str,
        queue: &WorkQueue<Key>,
    ) {
        let (to, quotas) = (queue.clone(), self.quotas.clone());
        let resource = GroupResource::new("", resource);
        objects.on_change(move |change| {
            let delay = match (&change.old, &change.new) {
                (None, Some(_)) => AFTER_COMING,
                (Some(old), Some(new)) if !plan::counts_otherwise(&resource, &tree(old), &tree(new)) => {
                    return;
                }
                _ => Duration::ZERO,
            };
            let namespace = change.object().map(|object| object.metadata().namespace());
            queue_quotas(&quotas, &to, namespace.unwrap_or(""), delay);
        });
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(quota) = self.quotas.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let mut used = plan::Used::none(&quota);
        for resource in plan::resources(&quota) {
            match (resource.group.as_ref(), resource.resource.as_ref()) {
                ("", "pods") => self.add(&self.pods, &key, &resource, &mut used),
                ("", "services") => self.add(&self.services, &key, &resource, &mut used),
                ("", "persistentvolumeclaims") => self.add(&self.claims, &key, &resource, &mut used),
                _ if plan::counts_devices(&quota, &resource) => {
                    // Whoever counts them is told when they come and go.
                    let count = self.counts.count(&resource, &key.namespace).await;
                    count.map_err(doing("count what a quota limits"))?;
                    self.add_device_claims(&key, &resource, &mut used).await?;
                }
                _ => {
                    let count = self.counts.count(&resource, &key.namespace).await;
                    used.add_count(&resource, count.map_err(doing("count what a quota limits"))?);
                }
            }
        }
        if used.gives_back()
            && let Some(delay) = self.settles_in(&key)
        {
            return Ok(Outcome::After(delay));
        }
        if let Some(status) = used.status() {
            let changed = ResourceQuota {
                status: Some(status),
                ..ResourceQuota::clone(&quota)
            };
            let result = self.client.replace_status(&changed).await;
            optional(result).map_err(doing("update the status"))?;
        }
        Ok(Outcome::Done)
    }

    /// How long what a quota let in may still be on its way.
    fn settles_in(&self, key: &Key) -> Option<Duration> {
        let at = *self.let_in.lock().get(key)?;
        SETTLING.checked_sub(at.elapsed()).filter(|left| !left.is_zero())
    }

    /// Hardly any quota is about devices: the claims are read when one is.
    async fn add_device_claims(
        &self,
        key: &Key,
        resource: &GroupResource,
        used: &mut plan::Used<'_>,
    ) -> Result<(), ControllerError> {
        let scope = Scope::Namespace(&key.namespace);
        let claims = self
            .client
            .list::<ResourceClaim>(scope, &ListOptions::default())
            .await;
        for claim in claims.map_err(doing("list claims of devices"))?.items {
            let claim: Value = serde_json::to_value(&claim).unwrap_or_default();
            used.add_object(resource, &claim, Timestamp::now().as_second());
        }
        Ok(())
    }

    fn add<K: Kind + Serialize>(
        &self,
        objects: &Informer<K>,
        key: &Key,
        resource: &GroupResource,
        used: &mut plan::Used<'_>,
    ) {
        let now = Timestamp::now().as_second();
        for object in objects.store().in_namespace(&key.namespace) {
            used.add_object(resource, &tree(&object), now);
        }
    }
}
