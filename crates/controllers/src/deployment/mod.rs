//! Deployments: one ReplicaSet per pod template, moved to the newest at the pace the strategy allows.

mod conditions;
mod plan;
mod revision;
mod sets;
mod sizes;
mod status;

use std::sync::Arc;

use client::ObjectMetadata;
use client::controller::Outcome;
use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use client::lean::Pod;
use client::{
    Change, Client, DeleteOptions, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope, WorkQueue,
    run_workers,
};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner::{self, Claim};
use plan::{Action, Observed};

/// The controller's name; also its service account.
pub const NAME: &str = "deployment-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        recorder: context.recorder(NAME),
        deployments: context.informers().of::<Deployment>(),
        sets: context.informers().of::<ReplicaSet>(),
        pods: context.informers().of::<Pod>(),
        queue: WorkQueue::new(),
    });
    controller.watch();
    controller.deployments.synced().await;
    controller.sets.synced().await;
    controller.pods.synced().await;
    let queue = controller.queue.clone();
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
    queue: WorkQueue<Key>,
}

impl Controller {
    fn watch(self: &Arc<Self>) {
        let queue = self.queue.clone();
        self.deployments.on_change(move |change: &Change<Deployment>| {
            if let Some(deployment) = change.object() {
                queue.add(Key::of(&deployment.metadata));
            }
        });
        let controller = Arc::downgrade(self);
        self.sets.on_change(move |change| {
            if let Some(controller) = controller.upgrade() {
                change
                    .states()
                    .for_each(|set| controller.queue_owner(&set.metadata));
            }
        });
        // Recreate waits for the last old pod to be gone; nothing else of a deployment looks at pods.
        let controller = Arc::downgrade(self);
        self.pods.on_change(move |change| {
            if let (None, Some(pod), Some(controller)) = (&change.new, &change.old, controller.upgrade()) {
                controller.queue_owner_of_owner(&pod.metadata);
            }
        });
    }

    fn queue_owner(&self, set: &impl ObjectMetadata) {
        let namespace = set.namespace();
        match owner::controller_of(set) {
            Some(owner) if owner.kind == "Deployment" => self.queue.add(Key::new(namespace, &owner.name)),
            Some(_) => {}
            None => {
                for deployment in self.deployments.store().in_namespace(namespace) {
                    if deployment
                        .spec
                        .as_ref()
                        .is_some_and(|spec| owner::selects(&spec.selector, set))
                    {
                        self.queue.add(Key::of(&deployment.metadata));
                    }
                }
            }
        }
    }

    fn queue_owner_of_owner(&self, pod: &impl ObjectMetadata) {
        let Some(owner) = owner::controller_of(pod).filter(|owner| owner.kind == "ReplicaSet") else {
            return;
        };
        let namespace = pod.namespace();
        if let Some(set) = self.sets.store().get(namespace, &owner.name) {
            self.queue_owner(&set.metadata);
        }
    }

    async fn reconcile(self: Arc<Self>, Key { namespace, name }: Key) -> Result<Outcome, ControllerError> {
        let Some(deployment) = self.deployments.store().get(&namespace, &name) else {
            return Ok(Outcome::Done);
        };
        let sets = self.claimed_sets(&deployment).await?;
        let plan = self.plan(&deployment, &sets);
        let revised = plan
            .actions
            .iter()
            .any(|action| matches!(action, Action::SetRevision(_)));
        for action in plan.actions {
            self.carry_out(&deployment, action).await?;
        }
        if revised {
            // The deployment has a new version now; the pass it brings about writes the status.
            return Ok(Outcome::Done);
        }
        if let Some(status) = plan.status {
            let changed = Deployment {
                status: Some(status),
                ..Deployment::clone(&deployment)
            };
            let result = self.client.replace_status(&changed).await;
            client::error::optional(result).map_err(doing("update the status"))?;
        }
        Ok(plan.again_after.map_or(Outcome::Done, Outcome::After))
    }

    fn plan(&self, deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> plan::Plan {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
        let running_old_pods = |new: Option<&ReplicaSet>| self.running_pods(namespace, sets, new);
        plan::make(
            &Observed {
                deployment,
                sets,
                running_old_pods: &running_old_pods,
            },
            Timestamp::now(),
        )
    }

    async fn claimed_sets(&self, deployment: &Deployment) -> Result<Vec<Arc<ReplicaSet>>, ControllerError> {
        let mut claimed = Vec::new();
        let Some(spec) = &deployment.spec else {
            return Ok(claimed);
        };
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
        for set in self.sets.store().in_namespace(namespace) {
            let matches = owner::selects(&spec.selector, &set.metadata);
            let patch = match owner::claim(&deployment.metadata, &set.metadata, matches) {
                Claim::Ignore => continue,
                Claim::Keep => {
                    claimed.push(set);
                    continue;
                }
                Claim::Adopt => owner::adoption(&owner::controller_reference(deployment), &set.metadata),
                Claim::Release => {
                    owner::release(deployment.metadata.uid.as_deref().unwrap_or(""), &set.metadata)
                }
            };
            let name = set.metadata.name.as_deref().unwrap_or("");
            let options = PatchOptions::default();
            let scope = Scope::Namespace(namespace);
            let result = self
                .client
                .patch::<ReplicaSet>(scope, name, Patch::Strategic(&patch), &options)
                .await;
            if client::error::optional(result)
                .map_err(doing("claim a replica set"))?
                .is_some()
                && matches
            {
                claimed.push(set);
            }
        }
        Ok(claimed)
    }

    /// Whether pods of sets other than the new one are not finished yet.
    fn running_pods(&self, namespace: &str, sets: &[Arc<ReplicaSet>], new: Option<&ReplicaSet>) -> bool {
        let new_uid = new.and_then(|set| set.metadata.uid.as_ref());
        let old_uids: Vec<_> = sets
            .iter()
            .filter_map(|set| set.metadata.uid.as_ref())
            .filter(|uid| Some(*uid) != new_uid)
            .collect();
        self.pods.store().in_namespace(namespace).iter().any(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            !matches!(phase, Some("Succeeded" | "Failed"))
                && owner::controller_of(&pod.metadata).is_some_and(|owner| old_uids.contains(&&owner.uid))
        })
    }

    async fn carry_out(&self, deployment: &Deployment, action: Action) -> Result<(), ControllerError> {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
        match action {
            Action::Create(set) => self.create(deployment, *set).await,
            Action::Update { set, scaled_from } => {
                let to = sizes::wanted(&set);
                self.client
                    .replace(&*set)
                    .await
                    .map_err(doing("update a replica set"))?;
                if let Some(from) = scaled_from {
                    self.record_scaling(deployment, set.metadata.name.as_deref().unwrap_or(""), from, to);
                }
                Ok(())
            }
            Action::Delete { name, uid } => {
                let result = self
                    .client
                    .delete::<ReplicaSet>(Scope::Namespace(namespace), &name, &DeleteOptions::of_uid(uid))
                    .await;
                client::error::optional(result)
                    .map_err(doing("delete an old replica set"))
                    .map(drop)
            }
            Action::SetRevision(revision) => {
                // A PUT, since upstream's role for this controller allows no patch of deployments.
                let mut noted = deployment.clone();
                let annotations = noted.metadata.annotations.get_or_insert_default();
                annotations.insert(revision::REVISION.to_owned(), revision);
                self.client
                    .replace(&noted)
                    .await
                    .map_err(doing("set the revision"))
                    .map(drop)
            }
        }
    }

    async fn create(&self, deployment: &Deployment, set: ReplicaSet) -> Result<(), ControllerError> {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
        let name = set.metadata.name.clone().unwrap_or_default();
        match self.client.create(Scope::Namespace(namespace), &set).await {
            Ok(_) => {
                let size = sizes::wanted(&set);
                if size > 0 {
                    self.record_scaling(deployment, &name, 0, size);
                }
                Ok(())
            }
            Err(error) if error.is_already_exists() => self.count_collision(deployment, &set).await,
            Err(error) => {
                let reason = error
                    .status()
                    .map_or_else(|| error.to_string(), |s| s.message.clone());
                let message = format!("Failed to create new replica set {name:?}: {reason}");
                self.recorder
                    .record(deployment, EventType::Warning, "ReplicaSetCreateError", message);
                Err(doing("create a replica set")(error))
            }
        }
    }

    /// The name is taken. If by our own set, the informer will show it; else the next name is tried.
    async fn count_collision(
        &self,
        deployment: &Deployment,
        set: &ReplicaSet,
    ) -> Result<(), ControllerError> {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
        let name = set.metadata.name.as_deref().unwrap_or("");
        let taken: ReplicaSet = self
            .client
            .get(namespace, name)
            .await
            .map_err(doing("look at the replica set of that name"))?;
        let uid = deployment.metadata.uid.as_deref().unwrap_or("");
        if owner::is_controlled_by(&taken.metadata, uid) && sets::same_template(&taken, deployment) {
            return Ok(());
        }
        let mut changed = deployment.clone();
        let status = changed.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        self.client
            .replace_status(&changed)
            .await
            .map_err(doing("count a name collision"))?;
        Err(ControllerError::Object(format!("the name {name:?} is taken")))
    }

    fn record_scaling(&self, deployment: &Deployment, set: &str, from: i32, to: i32) {
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {set} from {from} to {to}");
        self.recorder
            .record(deployment, EventType::Normal, "ScalingReplicaSet", message);
    }
}
