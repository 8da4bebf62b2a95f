//! ReplicaSets: as many pods as asked for.

mod plan;
pub(crate) mod ranking;
mod status;

use std::sync::Arc;

use client::controller::Outcome;
use client::k8s_openapi::api::apps::v1::ReplicaSet;
use client::k8s_openapi::api::core::v1::{Pod as WholePod, PodTemplateSpec};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::Pod;
use client::{
    Change, Client, DeleteOptions, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope, WorkQueue,
    run_workers,
};
use futures::StreamExt;
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::expectations::Expectations;
use crate::key::Key;
use crate::owner::{self, Claim};
use plan::Plan;

/// The controller's name; also its service account.
pub const NAME: &str = "replicaset-controller";
const WORKERS: usize = 5;
/// Pods made or deleted for one set at the same time.
const PARALLEL_WRITES: usize = 16;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        recorder: context.recorder(NAME),
        sets: context.informers().of::<ReplicaSet>(),
        pods: context.informers().of::<Pod>(),
        queue: WorkQueue::new(),
        expectations: Expectations::default(),
    });
    controller.watch();
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
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
    queue: WorkQueue<Key>,
    expectations: Expectations,
}

impl Controller {
    fn watch(self: &Arc<Self>) {
        let queue = self.queue.clone();
        self.sets.on_change(move |change: &Change<ReplicaSet>| {
            if let Some(set) = change.object() {
                queue.add(Key::of(&set.metadata));
            }
        });
        let controller = Arc::downgrade(self);
        self.pods.on_change(move |change| {
            if let Some(controller) = controller.upgrade() {
                controller.pod_changed(change);
            }
        });
    }

    fn pod_changed(&self, change: &Change<Pod>) {
        for pod in change.states() {
            match owner::controller_of(&pod.metadata) {
                Some(owner) if owner.kind == "ReplicaSet" => {
                    let key = Key::new(pod.metadata.namespace.as_deref().unwrap_or(""), &owner.name);
                    self.meet_expectations(&key, change, pod);
                    self.queue.add(key);
                }
                Some(_) => {}
                None => self.queue_sets_that_may_adopt(pod),
            }
        }
    }

    fn meet_expectations(&self, key: &Key, change: &Change<Pod>, pod: &Pod) {
        let going = change
            .new
            .as_ref()
            .is_none_or(|pod| pod.metadata.deletion_timestamp.is_some());
        if going {
            self.expectations
                .deleted(&key.to_string(), pod.metadata.uid.as_deref().unwrap_or(""));
        }
        if change.old.is_none() {
            self.expectations.created(&key.to_string());
        }
    }

    fn queue_sets_that_may_adopt(&self, pod: &Pod) {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
        for set in self.sets.store().in_namespace(namespace) {
            if set
                .spec
                .as_ref()
                .is_some_and(|spec| owner::selects(&spec.selector, &pod.metadata))
            {
                self.queue.add(Key::of(&set.metadata));
            }
        }
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Key { namespace, name } = &key;
        let Some(set) = self.sets.store().get(namespace, name) else {
            self.expectations.forget(&key.to_string());
            return Ok(Outcome::Done);
        };
        let may_decide = self.expectations.are_met(&key.to_string());
        let pods = self.claimed_pods(&set).await?;
        let plan = Plan::make(&set, &pods);
        let mut failure = None;
        if may_decide && set.metadata.deletion_timestamp.is_none() {
            failure = self.carry_out(&key, &set, plan).await.err();
        }
        let outcome = self.update_status(&set, &pods, failure.as_ref()).await?;
        failure.map_or(Ok(outcome), Err)
    }

    /// The set's pods that are not finished, after adopting and releasing.
    async fn claimed_pods(&self, set: &ReplicaSet) -> Result<Vec<Arc<Pod>>, ControllerError> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or("");
        let mut claimed = Vec::new();
        let Some(spec) = &set.spec else { return Ok(claimed) };
        for pod in self.pods.store().in_namespace(namespace) {
            if is_finished(&pod) {
                continue;
            }
            let matches = owner::selects(&spec.selector, &pod.metadata);
            match owner::claim(&set.metadata, &pod.metadata, matches) {
                Claim::Keep => claimed.push(pod),
                Claim::Ignore => {}
                Claim::Adopt => {
                    let patch = owner::adoption(&owner::controller_reference(set), &pod.metadata);
                    if self.patch_pod(&pod, &patch).await? {
                        claimed.push(pod);
                    }
                }
                Claim::Release => {
                    let uid = set.metadata.uid.as_deref().unwrap_or("");
                    self.patch_pod(&pod, &owner::release(uid, &pod.metadata)).await?;
                }
            }
        }
        Ok(claimed)
    }

    /// Whether the pod was still there.
    async fn patch_pod(&self, pod: &Pod, patch: &serde_json::Value) -> Result<bool, ControllerError> {
        let Key { namespace, name } = Key::of(&pod.metadata);
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<Pod>(
                Scope::Namespace(&namespace),
                &name,
                Patch::Strategic(patch),
                &options,
            )
            .await;
        let patched = client::error::optional(result).map_err(doing("claim a pod"))?;
        Ok(patched.is_some())
    }

    async fn carry_out(&self, key: &Key, set: &ReplicaSet, plan: Plan) -> Result<(), ControllerError> {
        if plan.create == 0 && plan.delete.is_empty() {
            return Ok(());
        }
        let uids = plan.delete.iter().filter_map(|pod| pod.metadata.uid.clone());
        self.expectations.expect(&key.to_string(), plan.create, uids);
        self.create_pods(key, set, plan.create).await?;
        let deletes = futures::stream::iter(plan.delete).map(|pod| self.delete_pod(key, set, pod));
        let results: Vec<_> = deletes.buffer_unordered(PARALLEL_WRITES).collect().await;
        results.into_iter().collect()
    }

    /// Creates in batches that double while all goes well, so that a wish that is refused is not asked for in vain a
    /// thousand times.
    async fn create_pods(&self, key: &Key, set: &ReplicaSet, count: usize) -> Result<(), ControllerError> {
        let mut left = count;
        let mut batch = 1;
        while left > 0 {
            let size = batch.min(left).min(PARALLEL_WRITES);
            let creates = (0..size).map(|_| self.create_pod(key, set));
            let results = futures::future::join_all(creates).await;
            left -= size;
            if let Some(error) = results.into_iter().find_map(Result::err) {
                for _ in 0..left {
                    self.expectations.created(&key.to_string());
                }
                return Err(error);
            }
            batch *= 2;
        }
        Ok(())
    }

    async fn create_pod(&self, key: &Key, set: &ReplicaSet) -> Result<(), ControllerError> {
        let template = set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.clone())
            .unwrap_or_default();
        let pod = pod_from_template(set, template);
        match self.client.create(Scope::Namespace(&key.namespace), &pod).await {
            Ok(pod) => {
                let name = pod.metadata.name.unwrap_or_default();
                self.recorder.record(
                    set,
                    EventType::Normal,
                    "SuccessfulCreate",
                    format!("Created pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                self.expectations.created(&key.to_string());
                let reason = error
                    .status()
                    .map_or_else(|| error.to_string(), |s| s.message.clone());
                self.recorder.record(
                    set,
                    EventType::Warning,
                    "FailedCreate",
                    format!("Error creating: {reason}"),
                );
                Err(doing("create a pod")(error))
            }
        }
    }

    async fn delete_pod(&self, key: &Key, set: &ReplicaSet, pod: Arc<Pod>) -> Result<(), ControllerError> {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let name = pod.metadata.name.as_deref().unwrap_or("");
        let options = DeleteOptions::of_uid(&uid);
        match self
            .client
            .delete::<Pod>(Scope::Namespace(&key.namespace), name, &options)
            .await
        {
            Ok(()) => {
                self.recorder.record(
                    set,
                    EventType::Normal,
                    "SuccessfulDelete",
                    format!("Deleted pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                self.expectations.deleted(&key.to_string(), &uid);
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(doing("delete a pod")(error))
                }
            }
        }
    }

    /// Writes the status if it changed; says when a pod that is ready becomes available.
    async fn update_status(
        &self,
        set: &ReplicaSet,
        pods: &[Arc<Pod>],
        failure: Option<&ControllerError>,
    ) -> Result<Outcome, ControllerError> {
        let now = Timestamp::now();
        let all = self
            .pods
            .store()
            .in_namespace(set.metadata.namespace.as_deref().unwrap_or(""));
        let terminating = status::terminating(set, &all);
        let new = status::status(set, pods, terminating, failure, now);
        if set.status.as_ref() != Some(&new) {
            let changed = ReplicaSet {
                status: Some(new),
                ..set.clone()
            };
            let result = self.client.replace_status(&changed).await;
            client::error::optional(result).map_err(doing("update the status"))?;
        }
        Ok(status::next_available(set, pods, now).map_or(Outcome::Done, Outcome::After))
    }
}

fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("")
}

fn pod_from_template(set: &ReplicaSet, template: PodTemplateSpec) -> WholePod {
    let from = template.metadata.unwrap_or_default();
    let set_name = set.metadata.name.as_deref().unwrap_or("");
    WholePod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{set_name}-")),
            namespace: set.metadata.namespace.clone(),
            labels: from.labels,
            annotations: from.annotations,
            finalizers: from.finalizers,
            owner_references: Some(vec![owner::controller_reference(set)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}
