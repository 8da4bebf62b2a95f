//! What the API is told of pods: their status, and that they are over.

mod mirror;
pub mod patch;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::{Client, DeleteOptions, Error, Informer, Patch, PatchOptions, WorkQueue, run_workers};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use mirror::Mirrors;

use crate::pod::PodToRun;
use slot::Slot;

/// Pods whose status is written at the same time.
const WORKERS: usize = 8;
/// The pause after a failure. When the server comes back, every pod is looked at anyway.
const RETRY: Duration = Duration::from_secs(2);

/// Tells the API of pods. Only what changed is written, one write per pod at a time, the newest state.
pub struct Publisher {
    /// Statuses by UID of the pod that runs.
    slots: Mutex<HashMap<String, Slot>>,
    queue: WorkQueue<String>,
    api: Option<Api>,
}

struct Api {
    client: Client,
    /// The pods of this node in the API, mirrors included.
    pods: Informer<Pod>,
}

impl Publisher {
    /// Without a client and the pods of the node, statuses are only kept.
    pub fn new(api: Option<(Client, Informer<Pod>)>) -> Arc<Self> {
        Arc::new(Self {
            slots: Mutex::default(),
            queue: WorkQueue::new(),
            api: api.map(|(client, pods)| Api { client, pods }),
        })
    }

    /// Writes until the token fires.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let queue = self.queue.clone();
        let publisher = self.clone();
        let write = move |uid: String| {
            let publisher = publisher.clone();
            async move { Ok::<_, Error>(publisher.write(&uid).await) }
        };
        run_workers("kubelet-status", queue, WORKERS, shutdown, write).await;
    }

    /// The newest status of a pod.
    pub fn publish(&self, pod: &PodToRun, status: PodStatus) {
        let mut slots = self.slots.lock();
        let slot = slots
            .entry(pod.uid().to_owned())
            .or_insert_with(|| Slot::new(pod));
        if slot.set(status) {
            self.queue.add(pod.uid().to_owned());
        }
    }

    /// Nothing of the pod is left on this node. If it was marked for deletion, it is removed from the API.
    pub fn finish(&self, uid: &str) {
        if let Some(slot) = self.slots.lock().get_mut(uid) {
            slot.over = true;
            self.queue.add(uid.to_owned());
        }
    }

    /// The object changed: what it says may not be what it should.
    pub fn check(&self, uid: &str) {
        if self.slots.lock().contains_key(uid) {
            self.queue.add(uid.to_owned());
        }
    }

    /// The same for the mirror of a pod from a file.
    pub fn check_mirror(&self, namespace: &str, name: &str) {
        let slots = self.slots.lock();
        let mirrored = slots
            .iter()
            .find(|(_, slot)| slot.is_mirrored_as(namespace, name));
        if let Some((uid, _)) = mirrored {
            self.queue.add(uid.clone());
        }
    }

    /// The pod is gone.
    pub fn forget(&self, uid: &str) {
        self.slots.lock().remove(uid);
    }

    /// The newest status of a pod.
    pub fn status(&self, uid: &str) -> Option<PodStatus> {
        self.slots.lock().get(uid).map(|slot| slot.status.clone())
    }

    async fn write(&self, uid: &str) -> Outcome {
        let Some(api) = &self.api else {
            return Outcome::Done;
        };
        let Some(step) = self.step(api, uid) else {
            return Outcome::Done;
        };
        match self.take(api, uid, &step).await {
            Ok(()) => Outcome::Done,
            // Another pod of that name, or none: nobody to tell. If there will be, it is told then.
            Err(error) if error.is_not_found() || error.is_conflict() => Outcome::Done,
            Err(error) => {
                tracing::debug!(uid, error = %client::controller::Chain(&error), "pod status not written");
                Outcome::After(RETRY)
            }
        }
    }

    /// What is to be written now.
    fn step(&self, api: &Api, uid: &str) -> Option<Step> {
        let slots = self.slots.lock();
        let slot = slots.get(uid)?;
        let cached = api
            .pods
            .store()
            .get(&slot.namespace, &slot.name)
            .filter(|pod| slot.shows_in(pod));
        let object = slot.newest(cached)?;
        let change = slot.change(&object);
        let delete = slot.over && object.metadata.deletion_timestamp.is_some() && !slot.is_static;
        (change.is_some() || delete).then(|| Step {
            namespace: slot.namespace.clone(),
            name: slot.name.clone(),
            object_uid: object.metadata.uid.clone().unwrap_or_default(),
            change,
            delete,
        })
    }

    async fn take(&self, api: &Api, uid: &str, step: &Step) -> Result<(), Error> {
        let scope = step.namespace.as_str().into();
        if let Some(change) = &step.change {
            let options = PatchOptions {
                subresource: "status".to_owned(),
                ..PatchOptions::default()
            };
            let patch = Patch::Strategic(change);
            let written = api
                .client
                .patch::<Pod>(scope, &step.name, patch, &options)
                .await?;
            if let Some(slot) = self.slots.lock().get_mut(uid) {
                slot.written = Some(Arc::new(written));
            }
        }
        if step.delete {
            let options = DeleteOptions {
                grace_period_seconds: Some(0),
                ..DeleteOptions::of_uid(&step.object_uid)
            };
            api.client.delete::<Pod>(scope, &step.name, &options).await?;
        }
        Ok(())
    }
}

/// A status to write, and whether the object is to go after it.
struct Step {
    namespace: String,
    name: String,
    object_uid: String,
    change: Option<serde_json::Value>,
    delete: bool,
}
