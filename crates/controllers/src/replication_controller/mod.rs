//! Replication controllers: as many pods as asked for, as replica sets have them, for those who still use them.

mod plan;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{Pod as WholePod, ReplicationController};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use client::lean::Pod;
use client::{Informer, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;
use crate::pod;
use crate::pod_control::{PodControl, all, pod_of};

/// The controller's name; also its service account.
pub const NAME: &str = "replication-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        control: PodControl::new(&context, NAME, NAME),
        sets: context.informers().of::<ReplicationController>(),
        pods: context.informers().of::<Pod>(),
        queue: WorkQueue::new(),
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
    control: PodControl,
    sets: Informer<ReplicationController>,
    pods: Informer<Pod>,
    queue: WorkQueue<Key>,
}

/// The labels of its pods. None selects none.
fn selector(set: &ReplicationController) -> LabelSelector {
    LabelSelector {
        match_labels: set.spec.as_ref().and_then(|spec| spec.selector.clone()),
        match_expressions: None,
    }
}

impl Controller {
    fn watch(self: &Arc<Self>) {
        let queue = self.queue.clone();
        self.sets.on_change(move |change| {
            if let Some(set) = change.object() {
                queue.add(Key::of(&set.metadata));
            }
        });
        let controller = Arc::downgrade(self);
        self.pods.on_change(move |change| {
            let Some(controller) = controller.upgrade() else {
                return;
            };
            for pod in change.states() {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
                match owner::controller_of(&pod.metadata) {
                    Some(owner) if owner.kind == "ReplicationController" => {
                        let key = Key::new(namespace, &owner.name);
                        controller.control.observe(&key, change, pod);
                        controller.queue.add(key);
                    }
                    Some(_) => {}
                    None => {
                        for set in controller.sets.store().in_namespace(namespace) {
                            if owner::selects(&selector(&set), &pod.metadata) {
                                controller.queue.add(Key::of(&set.metadata));
                            }
                        }
                    }
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(set) = self.sets.store().get(&key.namespace, &key.name) else {
            self.control.expectations.forget(&key.to_string());
            return Ok(Outcome::Done);
        };
        let may_decide = self.control.expectations.are_met(&key.to_string());
        let mut pods = self
            .control
            .claim(&self.pods, &*set, &selector(&set), &[])
            .await?;
        pods.retain(|pod| !pod::is_finished(pod));
        let mut failure = None;
        if may_decide && set.metadata.deletion_timestamp.is_none() {
            failure = self.carry_out(&key, &set, &pods).await.err();
        }
        let why = failure.as_ref().map(ControllerError::said);
        let now = Timestamp::now();
        let status = plan::status(&set, &pods, why, now);
        if set.status.as_ref() != Some(&status) {
            let changed = ReplicationController {
                status: Some(status),
                ..ReplicationController::clone(&set)
            };
            let result = self.control.client.replace_status(&changed).await;
            optional(result).map_err(doing("update the status"))?;
        }
        match failure {
            Some(failure) => Err(failure),
            None => {
                let min_ready = plan::min_ready(&set);
                let left = pods
                    .iter()
                    .filter_map(|pod| pod::available_in(pod, min_ready, now));
                Ok(left.min().map_or(Outcome::Done, Outcome::After))
            }
        }
    }

    async fn carry_out(
        &self,
        key: &Key,
        set: &ReplicationController,
        pods: &[Arc<Pod>],
    ) -> Result<(), ControllerError> {
        let plan = plan::make(set, pods);
        if plan.create == 0 && plan.delete.is_empty() {
            return Ok(());
        }
        let uids: Vec<_> = plan
            .delete
            .iter()
            .filter_map(|pod| pod.metadata.uid.clone())
            .collect();
        let expectations = &self.control.expectations;
        expectations.expect(&key.to_string(), plan.create, uids);
        let template = set.spec.as_ref().and_then(|spec| spec.template.clone());
        let wanted = pod_of(set, &template.unwrap_or_default());
        let created = self.create(key, set, &wanted, plan.create).await;
        let deleted = all(plan.delete.iter().map(|pod| self.control.delete(set, pod))).await;
        created.and(deleted)
    }

    /// Creates in batches that double while all goes well, so that a wish that is refused is not asked for in vain a
    /// thousand times.
    async fn create(
        &self,
        key: &Key,
        set: &ReplicationController,
        wanted: &WholePod,
        count: usize,
    ) -> Result<(), ControllerError> {
        let (mut left, mut batch) = (count, 1);
        while left > 0 {
            let size = batch.min(left);
            left -= size;
            let created = all((0..size).map(|_| self.control.create(set, wanted))).await;
            if created.is_err() {
                (0..left).for_each(|_| self.control.expectations.created(&key.to_string()));
                return created;
            }
            batch *= 2;
        }
        Ok(())
    }
}
