//! A pod goes where what it asks for is free; where most is left is preferred.

use crate::framework::{ClusterChange, Cycle, Filter, MAX_SCORE, NodeFilter, Rejection, Score};
use crate::node::NodeInfo;
use crate::pod::PodInfo;

pub(crate) struct ResourcesFit;

impl Filter for ResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let pod = cycle.pod;
        Some(Box::new(move |node: &NodeInfo| check(pod, node)))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        matches!(
            change,
            ClusterChange::NodeAdded
                | ClusterChange::NodeAllocatable
                | ClusterChange::PodGone
                | ClusterChange::PodItself
        )
    }
}

fn check(pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
    let mut reasons = Vec::new();
    // What the node as a whole is too small for, no removal of pods can mend.
    let mut preemption_may_help = true;
    if node.pods.len() as i64 + 1 > node.allowed_pods {
        reasons.push(String::from("Too many pods"));
    }
    let mut demand = |name: &str, wanted: i64, used: i64, there: i64| {
        if wanted > 0 && wanted > there - used {
            reasons.push(format!("Insufficient {name}"));
            preemption_may_help &= wanted <= there;
        }
    };
    let (wanted, used, there) = (&pod.requests, &node.requested, &node.allocatable);
    demand("cpu", wanted.milli_cpu, used.milli_cpu, there.milli_cpu);
    demand("memory", wanted.memory, used.memory, there.memory);
    demand(
        "ephemeral-storage",
        wanted.ephemeral_storage,
        used.ephemeral_storage,
        there.ephemeral_storage,
    );
    for (name, &amount) in &wanted.others {
        let of = |all: &crate::resources::Resources| all.others.get(name).copied().unwrap_or(0);
        demand(name, amount, of(used), of(there));
    }
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(Rejection {
            reasons,
            preemption_may_help,
            of_the_pod: false,
        })
    }
}

impl Score for ResourcesFit {
    fn weight(&self) -> i64 {
        1
    }

    /// The share of CPU and of memory that is left free, on average ("least allocated").
    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let wanted = &cycle.pod.scored_requests;
        let free = |there: i64, used: i64| {
            if there == 0 || used > there {
                0
            } else {
                (there - used) * MAX_SCORE / there
            }
        };
        let score = |node: &&NodeInfo| {
            let (used, there) = (&node.scored_requested, &node.allocatable);
            let cpu = free(there.milli_cpu, used.milli_cpu + wanted.milli_cpu);
            let memory = free(there.memory, used.memory + wanted.memory);
            (cpu + memory) / 2
        };
        Some(fitting.iter().map(score).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{info, node, pod};
    use super::*;

    #[test]
    fn what_lacks_is_named() {
        let check = |cpu: &str, expected: Result<(), (&str, bool)>| {
            let mut info_of_node = NodeInfo::new(node("n", "1"));
            info_of_node.add(Arc::new(info(pod("there", "600m"))));
            let result = super::check(&info(pod("a", cpu)), &info_of_node);
            let result = result.map_err(|r| (r.reasons[0].clone(), r.preemption_may_help));
            assert_eq!(
                result,
                expected.map_err(|(reason, may)| (reason.to_owned(), may)),
                "{cpu}"
            );
        };
        check("400m", Ok(()));
        check("500m", Err(("Insufficient cpu", true)));
        check("2", Err(("Insufficient cpu", false)));
    }
}
