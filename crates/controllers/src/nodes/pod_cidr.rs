//! Each node has a range of addresses for its pods, a part of the cluster's.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::Node;
use client::{
    Client, EventRecorder, EventType, Informer, Patch, PatchOptions, Scope, WorkQueue, run_workers,
};
use ipnet::Ipv4Net;
use parking_lot::Mutex;
use serde_json::json;

use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "node-controller";
/// The size of a node's range, upstream's default: 254 pods.
const NODE_PREFIX: u8 = 24;

/// Runs until the context's shutdown.
pub async fn run(context: Context, cluster_cidr: Ipv4Net) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        recorder: context.recorder(NAME),
        nodes: context.informers().of::<Node>(),
        cluster_cidr,
        given: Mutex::default(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.nodes.on_change(move |change| {
        if let Some(name) = change.object().and_then(|node| node.metadata.name.clone()) {
            to.add(name);
        }
    });
    controller.nodes.synced().await;
    // One worker: two nodes must not be given one range.
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    nodes: Informer<Node>,
    cluster_cidr: Ipv4Net,
    /// Ranges given a moment ago that the informer may not show yet, by node.
    given: Mutex<std::collections::HashMap<String, Ipv4Net>>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let Some(node) = self.nodes.store().get("", &name) else {
            self.given.lock().remove(&name);
            return Ok(Outcome::Done);
        };
        if range_of(&node).is_some() || self.given.lock().contains_key(&name) {
            return Ok(Outcome::Done);
        }
        let mut taken: BTreeSet<Ipv4Net> = self
            .nodes
            .store()
            .list()
            .iter()
            .filter_map(|node| range_of(node))
            .collect();
        taken.extend(self.given.lock().values());
        let Some(range) = first_free(self.cluster_cidr, &taken) else {
            let message = format!("Node {name} status is now: CIDRNotAvailable");
            self.recorder
                .record(&*node, EventType::Normal, "CIDRNotAvailable", message);
            return Err(ControllerError::Object(format!(
                "no range is left for the pods of node {name:?}"
            )));
        };
        let text = range.to_string();
        let patch = json!({ "spec": { "podCIDR": text, "podCIDRs": [text] } });
        let options = PatchOptions::default();
        let result = self
            .client
            .patch::<Node>(Scope::Cluster, &name, Patch::Merge(&patch), &options)
            .await;
        if optional(result)
            .map_err(doing("give a node its range of addresses"))?
            .is_some()
        {
            self.given.lock().insert(name, range);
        }
        Ok(Outcome::Done)
    }
}

fn range_of(node: &Node) -> Option<Ipv4Net> {
    node.spec.as_ref()?.pod_cidr.as_ref()?.parse().ok()
}

/// The first part of the cluster's range that overlaps none that is taken.
fn first_free(cluster: Ipv4Net, taken: &BTreeSet<Ipv4Net>) -> Option<Ipv4Net> {
    let overlaps = |a: &Ipv4Net, b: &Ipv4Net| a.contains(b) || b.contains(a);
    cluster
        .subnets(NODE_PREFIX)
        .ok()?
        .find(|range| !taken.iter().any(|other| overlaps(range, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_given_once() {
        let cluster: Ipv4Net = "10.42.0.0/22".parse().unwrap();
        let mut taken = BTreeSet::new();
        for expected in [
            Some("10.42.0.0/24"),
            Some("10.42.1.0/24"),
            Some("10.42.2.0/24"),
            Some("10.42.3.0/24"),
            None,
        ] {
            let range = first_free(cluster, &taken);
            assert_eq!(range.map(|range| range.to_string()).as_deref(), expected);
            taken.extend(range);
        }
    }

    #[test]
    fn a_larger_range_given_by_hand_is_left_alone() {
        let taken = ["10.42.0.0/23".parse().unwrap()].into();
        let range = first_free("10.42.0.0/16".parse().unwrap(), &taken);
        assert_eq!(
            range.map(|range| range.to_string()).as_deref(),
            Some("10.42.2.0/24")
        );
    }
}
