//! StatefulSets: pods with a name, a number and volumes of their own, made and changed in order.

mod claims;
mod identity;
mod plan;
mod status;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use client::k8s_openapi::api::core::v1::PersistentVolumeClaim;
use client::lean::Pod;
use client::{DeleteOptions, EventType, Informer, Scope, WorkQueue, run_workers};
use jiff::Timestamp;
use serde_json::json;

use crate::context::{Context, ControllerError, doing};
use crate::history::{self, History, Recorded, Revisions};
use crate::key::Key;
use crate::owner;
use crate::pod_control::{PodControl, said};
use identity::{name, revision_of};
use plan::{Action, Observed};

/// The controller's name; also its service account.
pub const NAME: &str = "statefulset-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let informers = context.informers();
    let controller = Arc::new(Controller {
        control: PodControl::new(&context, NAME, NAME),
        sets: informers.of::<StatefulSet>(),
        revisions: informers.of::<ControllerRevision>(),
        pods: informers.of::<Pod>(),
        claims: informers.of::<PersistentVolumeClaim>(),
        queue: WorkQueue::new(),
    });
    controller.watch();
    controller.sets.synced().await;
    controller.revisions.synced().await;
    controller.pods.synced().await;
    controller.claims.synced().await;
    let queue = controller.queue.clone();
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    control: PodControl,
    sets: Informer<StatefulSet>,
    revisions: Informer<ControllerRevision>,
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
    queue: WorkQueue<Key>,
}

impl Controller {
    fn watch(self: &Arc<Self>) {
        let queue = self.queue.clone();
        self.sets.on_change(move |change| {
            if let Some(set) = change.object() {
                queue.add(Key::of(&set.metadata));
            }
        });
        let (queue, sets) = (self.queue.clone(), self.sets.clone());
        self.pods.on_change(move |change| {
            for pod in change.states() {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
                match owner::controller_of(&pod.metadata) {
                    Some(owner) if owner.kind == "StatefulSet" => {
                        queue.add(Key::new(namespace, &owner.name));
                    }
                    Some(_) => {}
                    None => {
                        for set in sets.store().in_namespace(namespace) {
                            if selects(&set, pod) {
                                queue.add(Key::of(&set.metadata));
                            }
                        }
                    }
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(set) = self.sets.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let Some(spec) = &set.spec else {
            return Ok(Outcome::Done);
        };
        let revisions = Revisions {
            client: &self.control.client,
            informer: &self.revisions,
        };
        let collisions = set.status.as_ref().and_then(|status| status.collision_count);
        let recorded = revisions
            .record(&*set, &spec.selector, &spec.template, collisions)
            .await?;
        let History { current: update, all } = match recorded {
            Recorded::As(history) => history,
            Recorded::Collision => return self.count_collision(&set).await,
        };
        let mut pods = self.control.claim(&self.pods, &*set, &spec.selector, &[]).await?;
        pods.retain(|pod| identity::is_member(&set, pod));
        let named = set
            .status
            .as_ref()
            .and_then(|status| status.current_revision.as_deref());
        let current = all
            .iter()
            .find(|revision| revision.metadata.name.as_deref() == named)
            .unwrap_or(&update);
        let observed = Observed {
            set: &set,
            current: current.metadata.name.as_deref().unwrap_or(""),
            update: update.metadata.name.as_deref().unwrap_or(""),
            pods: &pods,
            now: Timestamp::now(),
        };
        let plan = plan::make(&observed);
        if set.metadata.deletion_timestamp.is_none() {
            // Before pods go: claims that go with them must know them.
            self.keep_claims(&set, &pods).await?;
        }
        let acted = self.carry_out(&set, current, &update, plan.actions).await;
        self.write_status(&set, plan.status).await?;
        acted?;
        let in_use = |revision: &ControllerRevision| {
            let name = revision.metadata.name.as_deref().unwrap_or("");
            [observed.current, observed.update].contains(&name)
                || pods.iter().any(|pod| revision_of(pod) == name)
        };
        let surplus = history::surplus(&all, spec.revision_history_limit, in_use);
        revisions.delete(&surplus).await?;
        Ok(plan.again_after.map_or(Outcome::Done, Outcome::After))
    }

    async fn count_collision(&self, set: &StatefulSet) -> Result<Outcome, ControllerError> {
        let mut changed = set.clone();
        let status = changed.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        let result = self.control.client.replace_status(&changed).await;
        optional(result).map_err(doing("count a name collision"))?;
        Ok(Outcome::Done)
    }

    async fn carry_out(
        &self,
        set: &StatefulSet,
        current: &ControllerRevision,
        update: &ControllerRevision,
        actions: Vec<Action>,
    ) -> Result<(), ControllerError> {
        for action in actions {
            match action {
                Action::Create {
                    ordinal,
                    of_current: true,
                } => self.create(set, current, ordinal).await?,
                Action::Create { ordinal, .. } => self.create(set, update, ordinal).await?,
                Action::Delete(pod) => self.delete(set, &pod).await?,
                Action::Replace(pod) => {
                    let Key {
                        namespace,
                        name: set_name,
                    } = Key::of(&set.metadata);
                    let message = format!(
                        "StatefulSet {namespace}/{set_name} is recreating failed Pod {}",
                        name(&pod)
                    );
                    self.control
                        .recorder
                        .record(set, EventType::Warning, "RecreatingFailedPod", message);
                    self.delete(set, &pod).await?;
                }
                Action::Restore(pod) => self.restore(set, &pod).await?,
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        set: &StatefulSet,
        revision: &ControllerRevision,
        ordinal: i32,
    ) -> Result<(), ControllerError> {
        let pod = identity::make(set, revision, ordinal)
            .ok_or_else(|| ControllerError::Object(String::from("a revision holds no template")))?;
        let pod_name = identity::pod_name(set, ordinal);
        let set_name = set.metadata.name.as_deref().unwrap_or("");
        self.create_claims(set, ordinal).await?;
        let namespace = set.metadata.namespace.as_deref().unwrap_or("");
        let result = self
            .control
            .client
            .create(Scope::Namespace(namespace), &pod)
            .await;
        let recorder = &self.control.recorder;
        match result {
            Ok(_) => {
                let message = format!("create Pod {pod_name} in StatefulSet {set_name} successful");
                recorder.record(set, EventType::Normal, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) if error.is_already_exists() => {
                // Our own, not seen yet, or one that has to go first; its change brings us back.
                Err(doing("create a pod")(error))
            }
            Err(error) => {
                let message = format!(
                    "create Pod {pod_name} in StatefulSet {set_name} failed error: {}",
                    said(&error)
                );
                recorder.record(set, EventType::Warning, "FailedCreate", message);
                Err(doing("create a pod")(error))
            }
        }
    }

    async fn delete(&self, set: &StatefulSet, pod: &Pod) -> Result<(), ControllerError> {
        let (pod_name, set_name) = (name(pod), set.metadata.name.as_deref().unwrap_or(""));
        let scope = Scope::from(set.metadata.namespace.as_deref().unwrap_or(""));
        let options = DeleteOptions::of_uid(pod.metadata.uid.as_deref().unwrap_or(""));
        let result = self.control.client.delete::<Pod>(scope, pod_name, &options).await;
        let recorder = &self.control.recorder;
        match optional(result) {
            Ok(_) => {
                let message = format!("delete Pod {pod_name} in StatefulSet {set_name} successful");
                recorder.record(set, EventType::Normal, "SuccessfulDelete", message);
                Ok(())
            }
            Err(error) => {
                let message = format!(
                    "delete Pod {pod_name} in StatefulSet {set_name} failed error: {}",
                    said(&error)
                );
                recorder.record(set, EventType::Warning, "FailedDelete", message);
                Err(doing("delete a pod")(error))
            }
        }
    }

    /// Gives a pod back the labels and claims that make it what it is.
    async fn restore(&self, set: &StatefulSet, pod: &Pod) -> Result<(), ControllerError> {
        let Some(number) = identity::ordinal(set, pod) else {
            return Ok(());
        };
        self.create_claims(set, number).await?;
        let labels = identity::lacking(set, pod);
        if labels.is_empty() {
            return Ok(());
        }
        let patch = json!({ "metadata": { "uid": pod.metadata.uid, "labels": labels } });
        self.control.patch(pod, &patch).await.map(drop)
    }

    async fn write_status(
        &self,
        set: &StatefulSet,
        status: client::k8s_openapi::api::apps::v1::StatefulSetStatus,
    ) -> Result<(), ControllerError> {
        if set.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let changed = StatefulSet {
            status: Some(status),
            ..set.clone()
        };
        let result = self.control.client.replace_status(&changed).await;
        optional(result).map_err(doing("update the status")).map(drop)
    }
}

fn selects(set: &StatefulSet, pod: &Pod) -> bool {
    let spec = set.spec.as_ref();
    spec.is_some_and(|spec| owner::selects(&spec.selector, &pod.metadata))
}
