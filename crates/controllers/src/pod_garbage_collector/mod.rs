//! Pods that nobody looks after any more: finished ones beyond a number, those of nodes that are gone, and those deleted
//! before they had a node.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::Node;
use client::lean::Pod;
use client::{Client, DeleteOptions, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers};
use jiff::Timestamp;
use serde_json::json;

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::pod;
use plan::{Reason, reason, surplus};

/// The controller's service account.
pub const NAME: &str = "pod-garbage-collector";
const WORKERS: usize = 2;
/// Finished pods that may stay, upstream's default.
pub const DEFAULT_THRESHOLD: usize = 12_500;
/// How long a node must be gone before its pods go.
const QUARANTINE: Duration = Duration::from_secs(40);

/// What there is to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    /// The number of finished pods.
    Finished,
    Pod(Key),
}

/// Runs until the context's shutdown. As many finished pods as `threshold` says may stay; none is no limit.
pub async fn run(context: Context, threshold: Option<usize>) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        nodes: context.informers().of::<Node>(),
        pods: context.informers().of::<Pod>(),
        threshold,
    });
    // Pods are judged by nodes, so these must be known first.
    controller.nodes.synced().await;
    controller.pods.synced().await;
    let queue = WorkQueue::new();
    controller.watch(&queue);
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |work| {
        controller.clone().reconcile(work)
    })
    .await;
}

struct Controller {
    client: Client,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    threshold: Option<usize>,
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<Work>) {
        let (to, nodes) = (queue.clone(), self.nodes.clone());
        self.pods.on_change(move |change| {
            let Some(pod) = &change.new else { return };
            if pod::is_finished(pod) && !change.old.as_ref().is_some_and(|old| pod::is_finished(old)) {
                to.add(Work::Finished);
            }
            match reason(pod, node_state(&nodes, pod)) {
                Some(Reason::NodeIsGone) => to.add_after(Work::Pod(Key::of(&pod.metadata)), QUARANTINE),
                Some(_) => to.add(Work::Pod(Key::of(&pod.metadata))),
                None => {}
            }
        });
        let (to, pods) = (queue.clone(), self.pods.clone());
        self.nodes.on_change(move |change| {
            // An event of a node that is fine says nothing new of its pods.
            let Some(node) = change
                .object()
                .filter(|node| change.new.is_none() || plan::is_out_of_service(node))
            else {
                return;
            };
            let delay = if change.new.is_none() {
                QUARANTINE
            } else {
                Duration::ZERO
            };
            for pod in pods.store().list() {
                if Some(pod::node(&pod)) == node.metadata.name.as_deref() {
                    to.add_after(Work::Pod(Key::of(&pod.metadata)), delay);
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, work: Work) -> Result<Outcome, ControllerError> {
        match work {
            Work::Finished => self.remove_surplus().await,
            Work::Pod(key) => self.look_at(&key).await,
        }
    }

    async fn remove_surplus(&self) -> Result<Outcome, ControllerError> {
        let Some(threshold) = self.threshold else {
            return Ok(Outcome::Done);
        };
        for pod in surplus(self.pods.store().list(), threshold) {
            self.remove(&pod, Reason::TooManyFinished).await?;
        }
        Ok(Outcome::Done)
    }

    async fn look_at(&self, key: &Key) -> Result<Outcome, ControllerError> {
        let Some(pod) = self.pods.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        match reason(&pod, node_state(&self.nodes, &pod)) {
            None => {}
            Some(Reason::NodeIsGone) => {
                // The informer may be behind: a node is gone when the server says so.
                let node = self.client.get::<Node>(Scope::Cluster, pod::node(&pod)).await;
                if optional(node).map_err(doing("look for a node"))?.is_none() {
                    self.remove(&pod, Reason::NodeIsGone).await?;
                }
            }
            Some(reason) => self.remove(&pod, reason).await?,
        }
        Ok(Outcome::Done)
    }

    async fn remove(&self, pod: &Pod, reason: Reason) -> Result<(), ControllerError> {
        let Key { namespace, name } = Key::of(&pod.metadata);
        let scope = Scope::Namespace(&namespace);
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if !pod::is_finished(pod) {
            let mut status = json!({ "phase": "Failed" });
            if reason == Reason::NodeIsGone {
                status["conditions"] = json!([{
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByPodGC",
                    "message": "PodGC: node no longer exists",
                    "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                }]);
            }
            let patch = json!({ "metadata": { "uid": uid }, "status": status });
            let options = PatchOptions {
                subresource: String::from("status"),
                ..PatchOptions::default()
            };
            let marked = self
                .client
                .patch::<Pod>(scope, &name, Patch::Strategic(&patch), &options)
                .await;
            optional(marked).map_err(doing("mark a pod as failed"))?;
        }
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            ..DeleteOptions::of_uid(uid)
        };
        let deleted = self.client.delete::<Pod>(scope, &name, &options).await;
        optional(deleted).map_err(doing("delete a pod")).map(drop)
    }
}

fn node_state(nodes: &Informer<Node>, pod: &Pod) -> plan::NodeState {
    plan::node_state(pod, |name| nodes.store().get("", name))
}
