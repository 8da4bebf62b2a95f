//! What a plugin is asked. A plugin looks at the pod and all nodes once per cycle and gives back something that answers for
//! one node after the other; what it does not care about it leaves out.

use crate::node::NodeInfo;
use crate::nodes::Nodes;
use crate::pod::PodInfo;

/// What a cycle is about.
#[derive(Clone, Copy)]
pub(crate) struct Cycle<'a> {
    pub(crate) pod: &'a PodInfo,
    pub(crate) nodes: &'a Nodes,
}

/// Why a node is not for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// In upstream's words; more than one if several resources lack.
    pub(crate) reasons: Vec<String>,
    /// Whether removing pods from the node could help.
    pub(crate) preemption_may_help: bool,
    /// It is the pod that is not fit, for any node: said once and not counted.
    pub(crate) of_the_pod: bool,
}

impl Rejection {
    /// Pods that are there are in the way.
    pub(crate) fn resolvable(reason: impl Into<String>) -> Self {
        Self {
            reasons: vec![reason.into()],
            preemption_may_help: true,
            of_the_pod: false,
        }
    }

    /// No matter which pods are there.
    pub(crate) fn unresolvable(reason: impl Into<String>) -> Self {
        Self {
            reasons: vec![reason.into()],
            preemption_may_help: false,
            of_the_pod: false,
        }
    }

    /// No matter which node.
    pub(crate) fn of_the_pod(reason: impl Into<String>) -> Self {
        Self {
            of_the_pod: true,
            ..Self::unresolvable(reason)
        }
    }
}

/// A plugin that rules nodes out.
pub(crate) trait Filter: Send + Sync {
    /// Upstream's name of the plugin.
    fn name(&self) -> &'static str;

    /// What decides about each node; none if every node will do.
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>>;

    /// Whether a change of that sort may make a node fit that this plugin ruled out.
    fn is_helped_by(&self, change: ClusterChange) -> bool;
}

/// Decides about one node.
pub(crate) trait NodeFilter {
    fn check(&self, node: &NodeInfo) -> Result<(), Rejection>;
}

/// A closure that decides about one node.
impl<F> NodeFilter for F
where
    F: Fn(&NodeInfo) -> Result<(), Rejection>,
{
    fn check(&self, node: &NodeInfo) -> Result<(), Rejection> {
        self(node)
    }
}

/// The best score a plugin gives.
pub(crate) const MAX_SCORE: i64 = 100;

/// A plugin that prefers some nodes.
pub(crate) trait Score: Send + Sync {
    /// How much its scores count.
    fn weight(&self) -> i64;

    /// The score of each node that fits, 0 to [`MAX_SCORE`]; none if all are alike to it.
    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>>;
}

/// What changed in the cluster, as far as waiting pods may care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClusterChange {
    NodeAdded,
    NodeAllocatable,
    NodeLabels,
    NodeTaints,
    /// A pod was placed, or its labels changed.
    PodPlaced,
    /// A placed pod went, or asks for less.
    PodGone,
    /// Claims, volumes or their classes.
    Volumes,
    /// The waiting pod itself changed.
    PodItself,
}

/// Scores stretched so that the largest becomes [`MAX_SCORE`]; turned round if less is better.
pub(crate) fn normalized(mut scores: Vec<i64>, less_is_better: bool) -> Vec<i64> {
    let max = scores.iter().copied().max().unwrap_or(0);
    for score in &mut scores {
        let stretched = if max == 0 { 0 } else { *score * MAX_SCORE / max };
        *score = if less_is_better {
            MAX_SCORE - stretched
        } else {
            stretched
        };
    }
    scores
}
