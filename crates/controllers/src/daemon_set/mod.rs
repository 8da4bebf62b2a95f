//! DaemonSets: one pod on each node that fits.

mod backoff;
mod plan;
mod pods;
mod status;
mod update;

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use client::k8s_openapi::api::core::v1::Node;
use client::lean::Pod;
use client::{EventType, Informer, WorkQueue, run_workers};
use jiff::Timestamp;

use crate::context::{Context, ControllerError, doing};
use crate::history::{self, HASH_LABEL, History, Recorded, Revisions};
use crate::key::Key;
use crate::owner;
use crate::pod;
use crate::pod_control::{PodControl, all, sooner};
use backoff::Backoff;
use plan::{Observed, Plan};

/// The controller's service account.
pub const NAME: &str = "daemon-set-controller";
/// Who its events are from.
const COMPONENT: &str = "daemonset-controller";
const WORKERS: usize = 2;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let informers = context.informers();
    let controller = Arc::new(Controller {
        control: PodControl::new(&context, NAME, COMPONENT),
        sets: informers.of::<DaemonSet>(),
        revisions: informers.of::<ControllerRevision>(),
        pods: informers.of::<Pod>(),
        nodes: informers.of::<Node>(),
        queue: WorkQueue::new(),
        failed: Backoff::default(),
    });
    controller.watch();
    controller.sets.synced().await;
    controller.revisions.synced().await;
    controller.pods.synced().await;
    controller.nodes.synced().await;
    let queue = controller.queue.clone();
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    control: PodControl,
    sets: Informer<DaemonSet>,
    revisions: Informer<ControllerRevision>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    queue: WorkQueue<Key>,
    failed: Backoff,
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
                match owner::controller_of(&pod.metadata) {
                    Some(owner) if owner.kind == "DaemonSet" => {
                        let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
                        let key = Key::new(namespace, &owner.name);
                        controller.control.observe(&key, change, pod);
                        controller.queue.add(key);
                    }
                    Some(_) => {}
                    None => controller.queue_sets_that_may_adopt(pod),
                }
            }
        });
        let (queue, sets) = (self.queue.clone(), self.sets.clone());
        self.nodes.on_change(move |change| {
            // Heartbeats change nothing of what decides.
            let said = |node: &Option<Arc<Node>>| {
                let node = node.as_ref()?;
                let spec = node.spec.as_ref();
                Some((
                    node.metadata.labels.clone(),
                    spec.and_then(|spec| spec.taints.clone()),
                ))
            };
            if said(&change.old) != said(&change.new) {
                sets.store()
                    .list()
                    .iter()
                    .for_each(|set| queue.add(Key::of(&set.metadata)));
            }
        });
    }

    fn queue_sets_that_may_adopt(&self, pod: &Pod) {
        for set in self
            .sets
            .store()
            .in_namespace(pod.metadata.namespace.as_deref().unwrap_or(""))
        {
            let selects = |spec: &client::k8s_openapi::api::apps::v1::DaemonSetSpec| {
                owner::selects(&spec.selector, &pod.metadata)
            };
            if set.spec.as_ref().is_some_and(selects) {
                self.queue.add(Key::of(&set.metadata));
            }
        }
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(set) = self.sets.store().get(&key.namespace, &key.name) else {
            self.control.expectations.forget(&key.to_string());
            return Ok(Outcome::Done);
        };
        let Some(spec) = &set.spec else {
            return Ok(Outcome::Done);
        };
        let collisions = set.status.as_ref().and_then(|status| status.collision_count);
        let revisions = Revisions {
            client: &self.control.client,
            informer: &self.revisions,
        };
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let recorded = revisions
            .record(&*set, &spec.selector, &spec.template, collisions)
            .await?;
        let History { current, all } = match recorded {
            Recorded::As(history) => history,
            Recorded::Collision => return self.count_collision(&set).await,
        };
        let hash = history::hash_of(&current);
        let pods = self.control.claim(&self.pods, &*set, &spec.selector, &[]).await?;
        let observed = Observed {
            set: &set,
            hash,
            nodes: &self.nodes.store().list(),
            pods: &pods,
            now: Timestamp::now(),
        };
        let mut again = None;
        let mut failure = None;
        if self.control.expectations.are_met(&key.to_string()) {
            let plan = plan::make(&observed);
            let updates = plan.is_nothing();
            again = self.report_failed(&set, &plan);
            failure = self.carry_out(&key, &set, hash, plan).await.err();
            if updates && failure.is_none() {
                let update = update::make(&observed);
                failure = self.carry_out(&key, &set, hash, update).await.err();
            }
            self.remove_old_revisions(&revisions, &set, &all, &pods, hash)
                .await?;
        }
        self.update_status(&observed).await?;
        match failure {
            Some(error) => Err(error),
            None => Ok(sooner(again, status::next_available(&observed))),
        }
    }

    async fn count_collision(&self, set: &DaemonSet) -> Result<Outcome, ControllerError> {
        let mut changed = set.clone();
        let status = changed.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        let result = self.control.client.replace_status(&changed).await;
        optional(result).map_err(doing("count a name collision"))?;
        Ok(Outcome::Done)
    }

    /// Says which pods have ended; gives when the next of those that failed may go.
    fn report_failed(&self, set: &DaemonSet, plan: &Plan) -> Option<std::time::Duration> {
        let mut again = None;
        for ended in &plan.ended {
            let (namespace, name) = (
                ended.metadata.namespace.as_deref().unwrap_or(""),
                ended.metadata.name.as_deref().unwrap_or(""),
            );
            let node = pods::node_of(ended).unwrap_or("");
            if pod::phase(ended) == "Succeeded" {
                let message = format!(
                    "Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it"
                );
                self.control
                    .recorder
                    .record(set, EventType::Normal, "SucceededDaemonPod", message);
                continue;
            }
            if let Some(left) = self.failed.left(set, node) {
                again = Some(again.map_or(left, |other: std::time::Duration| other.min(left)));
                continue;
            }
            let message =
                format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
            self.control
                .recorder
                .record(set, EventType::Warning, "FailedDaemonPod", message);
        }
        again
    }

    async fn carry_out(
        &self,
        key: &Key,
        set: &DaemonSet,
        hash: &str,
        plan: Plan,
    ) -> Result<(), ControllerError> {
        let mut delete = plan.delete;
        for ended in plan.ended {
            let node = pods::node_of(&ended).unwrap_or("").to_owned();
            if pod::phase(&ended) == "Succeeded" || self.failed.may_retry(set, &node) {
                delete.push(ended);
            }
        }
        if plan.create.is_empty() && delete.is_empty() {
            return Ok(());
        }
        let uids: Vec<_> = delete.iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
        let expectations = &self.control.expectations;
        expectations.expect(&key.to_string(), plan.create.len(), uids);
        let wanted: Vec<_> = plan
            .create
            .iter()
            .map(|node| pods::make(set, hash, node))
            .collect();
        let created = all(wanted.iter().map(|pod| self.control.create(set, pod))).await;
        let deleted = all(delete.iter().map(|pod| self.control.delete(set, pod))).await;
        created.and(deleted)
    }

    async fn remove_old_revisions(
        &self,
        revisions: &Revisions<'_>,
        set: &DaemonSet,
        all: &[Arc<ControllerRevision>],
        pods: &[Arc<Pod>],
        hash: &str,
    ) -> Result<(), ControllerError> {
        let limit = set.spec.as_ref().and_then(|spec| spec.revision_history_limit);
        let in_use = |revision: &ControllerRevision| {
            let of = history::hash_of(revision);
            of == hash || pods.iter().any(|pod| pod::label(pod, HASH_LABEL) == Some(of))
        };
        revisions.delete(&history::surplus(all, limit, in_use)).await
    }

    async fn update_status(&self, observed: &Observed<'_>) -> Result<(), ControllerError> {
        let status = status::status(observed);
        if observed.set.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let changed = DaemonSet {
            status: Some(status),
            ..observed.set.clone()
        };
        let result = self.control.client.replace_status(&changed).await;
        optional(result).map_err(doing("update the status")).map(drop)
    }
}
