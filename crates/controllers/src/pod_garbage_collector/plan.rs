//! Which pods go, and why.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::Node;
use client::lean::Pod;

use crate::pod;

/// Taint by which a person says that a node is down and will not run anything again by itself.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Why a pod goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    TooManyFinished,
    NodeIsGone,
    NodeIsOutOfService,
    DeletedBeforeScheduled,
}

/// What has become of a pod's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    /// The pod has none yet.
    None,
    There,
    Gone,
    OutOfService,
}

pub(super) fn node_state(pod: &Pod, node: impl Fn(&str) -> Option<Arc<Node>>) -> NodeState {
    match pod::node(pod) {
        "" => NodeState::None,
        name => match node(name) {
            None => NodeState::Gone,
            Some(node) if is_out_of_service(&node) => NodeState::OutOfService,
            Some(_) => NodeState::There,
        },
    }
}

/// Whether the node is not ready and said to be out of service.
pub(super) fn is_out_of_service(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let tainted = taints
        .into_iter()
        .flatten()
        .any(|taint| taint.key == OUT_OF_SERVICE);
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    tainted && !ready
}

/// Why this pod goes, if it does.
pub(super) fn reason(pod: &Pod, node: NodeState) -> Option<Reason> {
    match node {
        NodeState::Gone => Some(Reason::NodeIsGone),
        NodeState::OutOfService if pod::is_deleting(pod) => Some(Reason::NodeIsOutOfService),
        NodeState::None if pod::is_deleting(pod) => Some(Reason::DeletedBeforeScheduled),
        _ => None,
    }
}

/// Finished pods beyond the number that may stay: evicted ones first, then the oldest.
pub(super) fn surplus(pods: Vec<Arc<Pod>>, threshold: usize) -> Vec<Arc<Pod>> {
    let mut finished: Vec<_> = pods.into_iter().filter(|pod| pod::is_finished(pod)).collect();
    let count = finished.len().saturating_sub(threshold);
    finished.sort_by_key(|pod| (!is_evicted(pod), pod::created(pod), pod.metadata.name.clone()));
    finished.truncate(count);
    finished
}

fn is_evicted(pod: &Pod) -> bool {
    let reason = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    reason == Some("Evicted")
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{NodeSpec, Taint};

    use super::*;
    use crate::pod::testing::{deleting, on, pod};

    fn node(out_of_service: bool) -> Arc<Node> {
        let taint = Taint {
            key: OUT_OF_SERVICE.into(),
            ..Taint::default()
        };
        Arc::new(Node {
            spec: Some(NodeSpec {
                taints: out_of_service.then(|| vec![taint]),
                ..NodeSpec::default()
            }),
            ..Node::default()
        })
    }

    fn check(pod: &Pod, node: Option<Arc<Node>>, expected: Option<Reason>) {
        assert_eq!(
            reason(pod, node_state(pod, |_| node.clone())),
            expected,
            "{pod:?}"
        );
    }

    #[test]
    fn pods_without_a_node_to_end_them_go() {
        check(&pod("a", "Pending"), None, None);
        check(
            &deleting(pod("a", "Pending")),
            None,
            Some(Reason::DeletedBeforeScheduled),
        );
        let bound = on(pod("a", "Running"), "m");
        check(&bound, None, Some(Reason::NodeIsGone));
        check(&bound, Some(node(false)), None);
        check(&bound, Some(node(true)), None);
        check(&deleting(bound.clone()), Some(node(false)), None);
        check(
            &deleting(bound),
            Some(node(true)),
            Some(Reason::NodeIsOutOfService),
        );
    }

    #[test]
    fn evicted_pods_and_old_ones_are_the_surplus() {
        let mut evicted = pod("z", "Failed");
        evicted.status.as_mut().unwrap().reason = Some("Evicted".into());
        let pods = [
            pod("a", "Succeeded"),
            pod("b", "Succeeded"),
            pod("c", "Running"),
            evicted,
        ];
        let names = |threshold| -> Vec<String> {
            let surplus = surplus(pods.iter().cloned().map(Arc::new).collect(), threshold);
            surplus
                .iter()
                .filter_map(|pod| pod.metadata.name.clone())
                .collect()
        };
        assert_eq!(names(1), ["z", "a"]);
        assert!(names(3).is_empty());
    }
}
