//! Claims get volumes: of those there are, or, where the class says so, one that somebody else provides. Volumes whose claim
//! is gone are released.

mod claim;
mod fit;
mod volume;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use client::k8s_openapi::api::storage::v1::StorageClass;
use client::{Client, EventRecorder, EventType, Informer, WorkQueue, run_workers};

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;

/// The controller's service account.
pub const NAME: &str = "persistent-volume-binder";
/// Who its events are from.
const COMPONENT: &str = "persistentvolume-controller";

/// A claim whose volume is settled.
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// A binding that a controller made, not a person.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Who is to provide a volume: the present key and the one before it.
const PROVISIONER: [&str; 2] = [
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
];
/// Where the pod that uses the claim is to run.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// What there is to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    Claim(Key),
    Volume(String),
}

/// Something to say of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
struct News {
    kind: EventType,
    reason: &'static str,
    message: String,
}

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let informers = context.informers();
    let controller = Arc::new(Controller {
        recorder: EventRecorder::start(client.clone(), COMPONENT, ""),
        client,
        claims: informers.of::<PersistentVolumeClaim>(),
        volumes: informers.of::<PersistentVolume>(),
        classes: informers.of::<StorageClass>(),
    });
    controller.claims.synced().await;
    controller.volumes.synced().await;
    controller.classes.synced().await;
    let queue = WorkQueue::new();
    controller.watch(&queue);
    // One worker: two claims must not be given the same volume.
    run_workers(NAME, queue, 1, context.shutdown(), move |work| {
        controller.clone().reconcile(work)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
}

fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    has_annotation(claim.metadata.annotations.as_ref(), BIND_COMPLETED)
}

fn has_annotation(annotations: Option<&std::collections::BTreeMap<String, String>>, key: &str) -> bool {
    annotations.is_some_and(|annotations| annotations.contains_key(key))
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<Work>) {
        let to = queue.clone();
        self.claims.on_change(move |change| {
            let Some(claim) = change.object() else { return };
            to.add(Work::Claim(Key::of(&claim.metadata)));
            let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
            if let Some(volume) = volume {
                to.add(Work::Volume(volume));
            }
        });
        let (to, claims) = (queue.clone(), self.claims.clone());
        self.volumes.on_change(move |change| {
            let Some(volume) = change.object() else { return };
            to.add(Work::Volume(volume.metadata.name.clone().unwrap_or_default()));
            if let Some(claim) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) {
                to.add(Work::Claim(Key::new(
                    claim.namespace.as_deref().unwrap_or(""),
                    claim.name.as_deref().unwrap_or(""),
                )));
                return;
            }
            // A volume that is free is perhaps what somebody waits for.
            for claim in claims.store().list() {
                if !is_bound(&claim) {
                    to.add(Work::Claim(Key::of(&claim.metadata)));
                }
            }
        });
        let (to, claims) = (queue.clone(), self.claims.clone());
        self.classes.on_change(move |_| {
            for claim in claims.store().list() {
                if !is_bound(&claim) {
                    to.add(Work::Claim(Key::of(&claim.metadata)));
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, work: Work) -> Result<Outcome, ControllerError> {
        match work {
            Work::Claim(key) => self.reconcile_claim(&key).await?,
            Work::Volume(name) => self.reconcile_volume(&name).await?,
        }
        Ok(Outcome::Done)
    }

    async fn reconcile_claim(&self, key: &Key) -> Result<(), ControllerError> {
        let Some(claim) = self.claims.store().get(&key.namespace, &key.name) else {
            return Ok(());
        };
        let class = fit::class_of(&claim).and_then(|name| self.classes.store().get("", name));
        let plan = claim::make(&claim, &self.volumes.store().list(), class.as_deref());
        if let Some(News {
            kind,
            reason,
            message,
        }) = plan.news
        {
            self.recorder.record(&*claim, kind, reason, message);
        }
        // The volume first: from then on it is nobody else's.
        if let Some(volume) = &plan.volume {
            let result = self.client.replace(volume).await;
            optional(result).map_err(doing("give a volume to a claim"))?;
        }
        let mut claim = PersistentVolumeClaim::clone(&claim);
        if let Some(changed) = plan.claim {
            let result = self.client.replace(&changed).await;
            let Some(written) = optional(result).map_err(doing("bind a claim"))? else {
                return Ok(());
            };
            claim = written;
        }
        if claim.status.as_ref() != Some(&plan.status) {
            claim.status = Some(plan.status);
            let result = self.client.replace_status(&claim).await;
            optional(result).map_err(doing("update the status of a claim"))?;
        }
        Ok(())
    }

    async fn reconcile_volume(&self, name: &str) -> Result<(), ControllerError> {
        let Some(volume) = self.volumes.store().get("", name) else {
            return Ok(());
        };
        let reference = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let claim = match reference {
            None => None,
            Some(reference) => {
                let namespace = reference.namespace.as_deref().unwrap_or("");
                let name = reference.name.as_deref().unwrap_or("");
                match self.claims.store().get(namespace, name) {
                    Some(claim) => Some(claim),
                    // A volume is released for good: the informer must not be just behind.
                    None => optional(self.client.get::<PersistentVolumeClaim>(namespace, name).await)
                        .map_err(doing("look for a volume's claim"))?
                        .map(Arc::new),
                }
            }
        };
        let plan = volume::make(&volume, claim.as_deref());
        let mut volume = PersistentVolume::clone(&volume);
        if let Some(changed) = plan.volume {
            let result = self.client.replace(&changed).await;
            let Some(written) = optional(result).map_err(doing("free a volume"))? else {
                return Ok(());
            };
            volume = written;
        }
        let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase != Some(plan.phase) {
            volume.status.get_or_insert_default().phase = Some(plan.phase.to_owned());
            let result = self.client.replace_status(&volume).await;
            optional(result).map_err(doing("update the status of a volume"))?;
        }
        Ok(())
    }
}
