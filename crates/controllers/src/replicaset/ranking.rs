//! Which pods go first when there are too many: those that serve least and lost least.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::sync::Arc;

use client::lean::Pod;
use jiff::Timestamp;

use super::phase;
use super::status::{is_ready, ready_since};

/// Annotation by which a user says what deleting a pod costs (KEP-2255).
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `count` pods to delete first, by upstream's order: unassigned before assigned, pending before running, not ready
/// before ready, lower deletion cost, more of the same set on the node, ready for a shorter time, more restarts, younger.
pub(crate) fn first_to_go(mut pods: Vec<Arc<Pod>>, count: usize) -> Vec<Arc<Pod>> {
    let mut on_node: HashMap<String, usize> = HashMap::new();
    for pod in &pods {
        *on_node.entry(node(pod).to_owned()).or_default() += 1;
    }
    let crowding = |pod: &Pod| on_node.get(node(pod)).copied().unwrap_or(0);
    pods.sort_by(|a, b| {
        serves(a)
            .cmp(&serves(b))
            .then_with(|| cost(a).cmp(&cost(b)))
            .then_with(|| Reverse(crowding(a)).cmp(&Reverse(crowding(b))))
            .then_with(|| younger_first(ready_since(a), ready_since(b)))
            .then_with(|| Reverse(restarts(a)).cmp(&Reverse(restarts(b))))
            .then_with(|| younger_first(created(a), created(b)))
    });
    pods.truncate(count);
    pods
}

fn serves(pod: &Pod) -> (bool, u8, bool) {
    let phase = match phase(pod) {
        "Pending" | "" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    (!node(pod).is_empty(), phase, is_ready(pod))
}

fn node(pod: &Pod) -> &str {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .unwrap_or("")
}

fn cost(pod: &Pod) -> i32 {
    let annotation = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(DELETION_COST));
    annotation.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    statuses
        .into_iter()
        .flatten()
        .map(|status| status.restart_count)
        .max()
        .unwrap_or(0)
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// A time that is not known counts as the youngest.
fn younger_first(a: Option<Timestamp>, b: Option<Timestamp>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => b.cmp(&a),
    }
}

#[cfg(test)]
mod tests {
    use client::lean::{Metadata, PodSpec, PodStatus};

    use super::*;

    fn pod(name: &str, node: &str, phase: &str, cost: &str) -> Arc<Pod> {
        Arc::new(Pod {
            metadata: Metadata {
                name: Some(name.into()),
                annotations: (!cost.is_empty()).then(|| [(DELETION_COST.to_owned(), cost.to_owned())].into()),
                ..Metadata::default()
            },
            spec: Some(PodSpec {
                node_name: Some(node.into()),
                ..PodSpec::default()
            }),
            status: Some(PodStatus {
                phase: Some(phase.into()),
                ..PodStatus::default()
            }),
        })
    }

    fn check(pods: Vec<Arc<Pod>>, expected: &str) {
        let first = first_to_go(pods, 1);
        assert_eq!(first[0].metadata.name.as_deref(), Some(expected));
    }

    #[test]
    fn the_pod_that_serves_least_goes_first() {
        check(
            vec![pod("a", "n", "Running", ""), pod("b", "", "Pending", "")],
            "b",
        );
        check(
            vec![pod("a", "n", "Running", ""), pod("b", "m", "Pending", "")],
            "b",
        );
        check(
            vec![pod("a", "n", "Running", "10"), pod("b", "m", "Running", "-1")],
            "b",
        );
        let crowded = vec![
            pod("a", "n", "Running", ""),
            pod("b", "m", "Running", ""),
            pod("c", "m", "Running", ""),
        ];
        check(crowded, "b");
    }
}
