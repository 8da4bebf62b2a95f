//! Pods leave nodes with taints that they do not bear, or bear no longer.

use std::sync::Arc;
use std::time::Duration;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{Node, Taint};
use client::lean::Pod;
use client::{
    Client, DeleteOptions, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope, WorkQueue,
    run_workers,
};
use jiff::Timestamp;
use serde_json::json;

use super::tolerations::{Bears, bears};
use crate::context::{Context, ControllerError, doing};
use crate::key::Key;

/// The controller's name; also its service account.
pub const NAME: &str = "taint-eviction-controller";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client("node-controller"),
        recorder: context.recorder(NAME),
        nodes: context.informers().of::<Node>(),
        pods: context.informers().of::<Pod>(),
    });
    let queue = WorkQueue::new();
    controller.watch(&queue);
    controller.nodes.synced().await;
    controller.pods.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    nodes: Informer<Node>,
    pods: Informer<Pod>,
}

fn taints(node: &Node) -> &[Taint] {
    node.spec
        .as_ref()
        .and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default()
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

impl Controller {
    fn watch(&self, queue: &WorkQueue<Key>) {
        let to = queue.clone();
        self.pods.on_change(move |change| {
            if let Some(pod) = change.new.as_ref().filter(|pod| node_of(pod).is_some()) {
                to.add(Key::of(&pod.metadata));
            }
        });
        let (to, pods) = (queue.clone(), self.pods.clone());
        self.nodes.on_change(move |change| {
            let before = change.old.as_deref().map(taints).unwrap_or_default();
            let Some(node) = change.new.as_ref().filter(|node| taints(node) != before) else {
                return;
            };
            for pod in pods.store().list() {
                if node_of(&pod) == node.metadata.name.as_deref() {
                    to.add(Key::of(&pod.metadata));
                }
            }
        });
    }

    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(pod) = self.pods.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let node = node_of(&pod).and_then(|name| self.nodes.store().get("", name));
        let Some(node) = node.filter(|_| pod.metadata.deletion_timestamp.is_none()) else {
            return Ok(Outcome::Done);
        };
        let taints = taints(&node);
        match bears(&pod, taints) {
            Bears::Forever => Ok(Outcome::Done),
            Bears::Not => self.evict(&pod).await,
            Bears::For(limit) => match left(limit, since(taints), Timestamp::now()) {
                Duration::ZERO => self.evict(&pod).await,
                left => Ok(Outcome::After(left)),
            },
        }
    }

    async fn evict(&self, pod: &Pod) -> Result<Outcome, ControllerError> {
        let Key { namespace, name } = Key::of(&pod.metadata);
        let scope = Scope::Namespace(&namespace);
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        let patch = json!({ "metadata": { "uid": uid }, "status": { "conditions": [condition] } });
        let options = PatchOptions {
            subresource: String::from("status"),
            ..PatchOptions::default()
        };
        let marked = self
            .client
            .patch::<Pod>(scope, &name, Patch::Strategic(&patch), &options)
            .await;
        optional(marked).map_err(doing("mark a pod for eviction"))?;
        let message = format!("Marking for deletion Pod {namespace}/{name}");
        self.recorder
            .record(pod, EventType::Normal, "TaintManagerEviction", message);
        let deleted = self
            .client
            .delete::<Pod>(scope, &name, &DeleteOptions::of_uid(uid))
            .await;
        optional(deleted).map_err(doing("evict a pod"))?;
        Ok(Outcome::Done)
    }
}

/// Since when the node has had the youngest of the taints that evict; one without a time counts from now.
fn since(taints: &[Taint]) -> Option<Timestamp> {
    let evicting = taints.iter().filter(|taint| taint.effect == "NoExecute");
    evicting
        .filter_map(|taint| taint.time_added.as_ref().map(|time| time.0))
        .max()
}

fn left(limit: Duration, since: Option<Timestamp>, now: Timestamp) -> Duration {
    let elapsed = since.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    limit.saturating_sub(elapsed.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_counts_from_when_the_taint_came() {
        let now = Timestamp::from_second(1000).unwrap();
        let at = |second| Timestamp::from_second(second).ok();
        assert_eq!(
            left(Duration::from_secs(300), at(900), now),
            Duration::from_secs(200)
        );
        assert_eq!(left(Duration::from_secs(300), at(100), now), Duration::ZERO);
        assert_eq!(
            left(Duration::from_secs(300), None, now),
            Duration::from_secs(300)
        );
    }
}
