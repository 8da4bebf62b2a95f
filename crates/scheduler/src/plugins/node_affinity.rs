//! Node selectors and node affinity: where a pod must go, and where it would like to.

use client::k8s_openapi::api::core::v1::NodeAffinity as NodeAffinitySpec;

use crate::framework::{ClusterChange, Cycle, Filter, NodeFilter, Rejection, Score, normalized};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selector::{node_matches, term_matches};

pub(crate) struct NodeAffinity;

fn affinity(pod: &PodInfo) -> Option<&NodeAffinitySpec> {
    pod.affinity_spec()?.node_affinity.as_ref()
}

/// Whether a node is one the pod may be on, by selector and required affinity. Topology spread asks too.
pub(crate) fn matches(pod: &PodInfo, node: &NodeInfo) -> bool {
    let selected = pod
        .spec()
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| node.labels().get(key) == Some(value));
    let required = affinity(pod).and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    selected && required.is_none_or(|selector| node_matches(selector, &node.node))
}

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let pod = cycle.pod;
        let required =
            affinity(pod).and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        if pod
            .spec()
            .node_selector
            .as_ref()
            .is_none_or(|selector| selector.is_empty())
            && required.is_none()
        {
            return None;
        }
        Some(Box::new(move |node: &NodeInfo| {
            if matches(pod, node) {
                Ok(())
            } else {
                Err(Rejection::unresolvable(
                    "node(s) didn't match Pod's node affinity/selector",
                ))
            }
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded | ClusterChange::NodeLabels | ClusterChange::PodItself
        )
    }
}

impl Score for NodeAffinity {
    fn weight(&self) -> i64 {
        2
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let preferred = affinity(cycle.pod)?
            .preferred_during_scheduling_ignored_during_execution
            .as_ref()?;
        let score = |node: &&NodeInfo| {
            let liked = preferred
                .iter()
                .filter(|term| term_matches(&term.preference, &node.node));
            liked.map(|term| i64::from(term.weight)).sum()
        };
        Some(normalized(fitting.iter().map(score).collect(), false))
    }
}
