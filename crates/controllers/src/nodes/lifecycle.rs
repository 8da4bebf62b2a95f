//! Whether nodes are still there. A node is heard of by its Lease and its status; after a time of silence, judged by when
//! the change was seen here and not by anybody's clock, its state is unknown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::coordination::v1::Lease;
use client::k8s_openapi::api::core::v1::{Node, ObjectReference};
use client::lean::Pod;
use client::recorder::reference;
use client::{
    Client, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use super::health;
use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "node-controller";
const WORKERS: usize = 4;
/// A node that was not heard of for this long is lost, by upstream's default.
pub const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(50);
/// Where kubelets keep their Leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// Runs until the context's shutdown. A node is lost that was not heard of for the grace period.
pub async fn run(context: Context, grace_period: Duration) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        recorder: context.recorder(NAME),
        nodes: context.informers().of::<Node>(),
        leases: context.informers().of::<Lease>(),
        pods: context.informers().of::<Pod>(),
        heard: Mutex::default(),
        known: Mutex::default(),
        grace_period,
    });
    let queue = WorkQueue::new();
    controller.watch(&queue);
    controller.nodes.synced().await;
    controller.leases.synced().await;
    controller.pods.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    nodes: Informer<Node>,
    leases: Informer<Lease>,
    pods: Informer<Pod>,
    /// When each node was last heard of.
    heard: Mutex<HashMap<String, Instant>>,
    /// The nodes there are.
    known: Mutex<HashMap<String, ObjectReference>>,
    grace_period: Duration,
}

impl Controller {
    fn watch(self: &Arc<Self>, queue: &WorkQueue<String>) {
        let (to, controller) = (queue.clone(), self.clone());
        self.nodes.on_change(move |change| {
            let Some(name) = change.object().and_then(|node| node.metadata.name.clone()) else {
                return;
            };
            // What this controller writes itself is no sign of life: the kubelet's heartbeat times are.
            let heartbeat = |node: &Arc<Node>| {
                let conditions = node.status.as_ref().and_then(|status| status.conditions.clone());
                conditions
                    .into_iter()
                    .flatten()
                    .map(|c| c.last_heartbeat_time)
                    .collect::<Vec<_>>()
            };
            if change.new.as_ref().map(heartbeat) != change.old.as_ref().map(heartbeat) {
                controller.hear(&name);
            }
            to.add(name);
        });
        let (to, controller) = (queue.clone(), self.clone());
        self.leases.on_change(move |change| {
            let lease = change
                .new
                .as_ref()
                .filter(|lease| lease.metadata.namespace.as_deref() == Some(LEASE_NAMESPACE));
            let Some(name) = lease.and_then(|lease| lease.metadata.name.clone()) else {
                return;
            };
            controller.hear(&name);
            // A pass is due now only if the node is thought to be lost; else one is due already, when the grace period ends.
            if controller
                .nodes
                .store()
                .get("", &name)
                .is_some_and(|node| !health::is_ready(&node))
            {
                to.add(name);
            }
        });
    }

    fn hear(&self, name: &str) {
        self.heard.lock().insert(name.to_owned(), Instant::now());
    }

    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let Some(node) = self.nodes.store().get("", &name) else {
            self.heard.lock().remove(&name);
            self.leave(&name);
            return Ok(Outcome::Done);
        };
        self.welcome(&name, &node);
        let heard = *self.heard.lock().entry(name.clone()).or_insert_with(Instant::now);
        let left = self.grace_period.saturating_sub(heard.elapsed());
        if left.is_zero()
            && let Some(conditions) = health::silent(&node, Timestamp::now())
        {
            self.mark_lost(&name, &node, &json!({ "status": { "conditions": conditions } }))
                .await?;
        }
        self.taint(&name, &node).await?;
        Ok(if left.is_zero() {
            Outcome::Done
        } else {
            Outcome::After(left)
        })
    }

    fn welcome(&self, name: &str, node: &Node) {
        if self
            .known
            .lock()
            .insert(name.to_owned(), reference(node))
            .is_none()
        {
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            self.recorder
                .record(node, EventType::Normal, "RegisteredNode", message);
        }
    }

    fn leave(&self, name: &str) {
        if let Some(node) = self.known.lock().remove(name) {
            let message = format!("Node {name} event: Removing Node {name} from Controller");
            self.recorder
                .record_reference(node, EventType::Normal, "RemovingNode", message);
        }
    }

    async fn mark_lost(
        &self,
        name: &str,
        node: &Node,
        status: &serde_json::Value,
    ) -> Result<(), ControllerError> {
        let options = PatchOptions {
            subresource: String::from("status"),
            ..PatchOptions::default()
        };
        let patched = self
            .client
            .patch::<Node>(Scope::Cluster, name, Patch::Strategic(status), &options)
            .await;
        optional(patched).map_err(doing("mark a node as lost"))?;
        let message = format!("Node {name} status is now: NodeNotReady");
        self.recorder
            .record(node, EventType::Normal, "NodeNotReady", message);
        self.mark_pods(name).await
    }

    /// Pods on a lost node count as not ready, so that no traffic is sent to them.
    async fn mark_pods(&self, node: &str) -> Result<(), ControllerError> {
        for pod in self.pods.store().list() {
            let on_node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
            let conditions = pod
                .status
                .as_ref()
                .and_then(|status| status.conditions.as_deref())
                .unwrap_or_default();
            let ready = conditions
                .iter()
                .any(|c| c.type_ == "Ready" && c.status == "True");
            if !on_node || !ready {
                continue;
            }
            let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let condition = json!({ "type": "Ready", "status": "False", "lastTransitionTime": now });
            let patch = json!({ "status": { "conditions": [condition] } });
            let options = PatchOptions {
                subresource: String::from("status"),
                ..PatchOptions::default()
            };
            let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
            let name = pod.metadata.name.as_deref().unwrap_or("");
            let scope = Scope::Namespace(namespace);
            let patched = self
                .client
                .patch::<Pod>(scope, name, Patch::Strategic(&patch), &options)
                .await;
            optional(patched).map_err(doing("mark a pod of a lost node as not ready"))?;
        }
        Ok(())
    }

    async fn taint(&self, name: &str, node: &Node) -> Result<(), ControllerError> {
        let Some(taints) = health::wanted_taints(node, Timestamp::now()) else {
            return Ok(());
        };
        // The version guards taints that others add at the same time.
        let version = node.metadata.resource_version.clone();
        let patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "taints": taints } });
        let options = PatchOptions::default();
        match self
            .client
            .patch::<Node>(Scope::Cluster, name, Patch::Merge(&patch), &options)
            .await
        {
            // The change that was first brings the node here again.
            Err(error) if error.is_conflict() => Ok(()),
            result => optional(result).map_err(doing("taint a node")).map(drop),
        }
    }
}
