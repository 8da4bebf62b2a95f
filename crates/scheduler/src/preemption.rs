//! Making room: which pods of lower priority go, and on which node, so that a pod that fits nowhere fits there.

use std::cmp::Reverse;
use std::sync::Arc;

use client::k8s_openapi::api::policy::v1::PodDisruptionBudget;
use jiff::Timestamp;

use crate::cycle::{Placer, check};
use crate::diagnosis::{Diagnosis, availability};
use crate::framework::Cycle;
use crate::nodes::Nodes;
use crate::pod::PodInfo;
use crate::selector::labels_match;

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node and the pods that have to go from it.
#[derive(Debug)]
pub(crate) struct Preemption {
    pub(crate) node: String,
    pub(crate) victims: Vec<Arc<PodInfo>>,
    /// Victims that a disruption budget would protect.
    violations: usize,
}

/// Finds where to make room, at the least cost; else what the pod's message says about it.
pub(crate) fn plan(
    placer: &Placer,
    pod: &PodInfo,
    nodes: &Nodes,
    diagnosis: &Diagnosis,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Result<Preemption, String> {
    if pod.spec().preemption_policy.as_deref() == Some("Never") {
        return Err(String::from(
            "preemption: not eligible due to preemptionPolicy=Never.",
        ));
    }
    if makes_room_already(pod, nodes, diagnosis) {
        return Err(String::from(
            "preemption: not eligible due to a terminating pod on the nominated node.",
        ));
    }
    let mut reasons = Vec::new();
    let mut candidates = Vec::new();
    for (node, rejection) in &diagnosis.rejections {
        if !rejection.preemption_may_help {
            reasons.push(NOT_HELPFUL.to_owned());
            continue;
        }
        match on_node(placer, pod, nodes, node, budgets) {
            Ok(candidate) => candidates.push(candidate),
            Err(mut why) => reasons.append(&mut why),
        }
    }
    let cheapest = candidates.into_iter().min_by_key(cost);
    cheapest.ok_or_else(|| {
        format!(
            "preemption: {}",
            availability(diagnosis.nodes, reasons.into_iter())
        )
    })
}

/// Whether pods that the pod displaced earlier are still on their way out.
pub(crate) fn makes_room_already(pod: &PodInfo, nodes: &Nodes, diagnosis: &Diagnosis) -> bool {
    let Some(name) = pod.nominated_node() else {
        return false;
    };
    if diagnosis
        .rejections
        .get(name)
        .is_some_and(|rejection| !rejection.preemption_may_help)
    {
        return false;
    }
    let Some(node) = nodes.get(name) else { return false };
    node.pods
        .iter()
        .any(|other| other.is_terminating() && other.priority() < pod.priority())
}

/// What has to go from one node: as little as possible, and the least important.
fn on_node(
    placer: &Placer,
    pod: &PodInfo,
    nodes: &Nodes,
    node: &str,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Result<Preemption, Vec<String>> {
    let mut emptied = nodes.clone();
    let there = nodes.get(node).map(|node| node.pods.clone()).unwrap_or_default();
    let mut lower: Vec<_> = there
        .into_iter()
        .filter(|other| other.priority() < pod.priority())
        .collect();
    if lower.is_empty() {
        return Err(vec![NO_VICTIMS.to_owned()]);
    }
    lower
        .iter()
        .for_each(|other| emptied.remove_pod(node, other.uid()));
    fits(placer, pod, &emptied, node)?;

    // The most important come first to be spared; those a budget protects before the others.
    lower.sort_by_key(|other| (Reverse(other.priority()), started(other)));
    let (protected, unprotected) = split_by_budgets(lower, budgets);
    let violations_possible = protected.len();
    let mut victims = Vec::new();
    let mut violations = 0;
    for (at, other) in protected.into_iter().chain(unprotected).enumerate() {
        emptied.add_pod(node, other.clone());
        if fits(placer, pod, &emptied, node).is_err() {
            emptied.remove_pod(node, other.uid());
            violations += usize::from(at < violations_possible);
            victims.push(other);
        }
    }
    Ok(Preemption {
        node: node.to_owned(),
        victims,
        violations,
    })
}

fn fits(placer: &Placer, pod: &PodInfo, nodes: &Nodes, node: &str) -> Result<(), Vec<String>> {
    let prepared = placer.prepare(Cycle { pod, nodes });
    let Some(node) = nodes.get(node) else {
        return Err(vec![NOT_HELPFUL.to_owned()]);
    };
    check(&prepared, node).map_err(|(_, rejection)| rejection.reasons)
}

/// Less is better, in upstream's order: budgets violated, the most important victim, the sum of importance, the number, how
/// long the most important have run.
fn cost(preemption: &Preemption) -> impl Ord + use<> {
    let victims = &preemption.victims;
    let highest = victims
        .iter()
        .map(|victim| victim.priority())
        .max()
        .unwrap_or(i32::MIN);
    // Shifted so that a node with more victims never costs less for their being of negative priority.
    let sum: i64 = victims
        .iter()
        .map(|victim| i64::from(victim.priority()) - i64::from(i32::MIN) + 1)
        .sum();
    let earliest = victims
        .iter()
        .filter(|victim| victim.priority() == highest)
        .filter_map(|v| started(v))
        .min();
    (
        preemption.violations,
        highest,
        sum,
        victims.len(),
        Reverse(earliest),
    )
}

fn started(pod: &PodInfo) -> Option<Timestamp> {
    pod.pod.status.as_ref()?.start_time.as_ref().map(|time| time.0)
}

/// Pods whose going would violate a budget, and those whose would not.
fn split_by_budgets(
    pods: Vec<Arc<PodInfo>>,
    budgets: &[Arc<PodDisruptionBudget>],
) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let allowed = |budget: &PodDisruptionBudget| {
        budget
            .status
            .as_ref()
            .and_then(|s| s.disruptions_allowed)
            .unwrap_or(0)
    };
    let mut left: Vec<i32> = budgets.iter().map(|budget| allowed(budget)).collect();
    pods.into_iter().partition(|pod| {
        let mut violates = false;
        for (budget, left) in budgets.iter().zip(&mut left) {
            let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            let same_namespace = budget.metadata.namespace.as_deref() == Some(pod.namespace());
            if same_namespace && labels_match(selector, pod.labels()) {
                *left -= 1;
                violates |= *left < 0;
            }
        }
        violates
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::testing::{Cluster, info, pod, prioritised};

    fn check(cluster: &Cluster, pod: client::lean::Pod) -> Result<(String, Vec<String>), String> {
        let placer = Placer::default();
        let pod = info(pod);
        let diagnosis = placer.place(&pod, &cluster.nodes, None).unwrap_err();
        let preemption = plan(&placer, &pod, &cluster.nodes, &diagnosis, &[])?;
        Ok((
            preemption.node,
            preemption
                .victims
                .iter()
                .map(|victim| victim.name().to_owned())
                .collect(),
        ))
    }

    fn victims(node: &str, pods: &[&str]) -> Result<(String, Vec<String>), String> {
        Ok((node.to_owned(), pods.iter().map(|&pod| pod.to_owned()).collect()))
    }

    #[test]
    fn only_as_many_go_as_must() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]);
        cluster
            .place(prioritised(pod("low", "500m"), 1), "a")
            .place(prioritised(pod("mid", "500m"), 5), "a");
        assert_eq!(
            check(&cluster, prioritised(pod("new", "500m"), 10)),
            victims("a", &["low"])
        );
    }

    #[test]
    fn the_node_with_the_least_important_victim_is_taken() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]).node("b", &[]);
        cluster
            .place(prioritised(pod("mid", "1"), 5), "a")
            .place(prioritised(pod("low", "1"), 1), "b");
        assert_eq!(
            check(&cluster, prioritised(pod("new", "1"), 10)),
            victims("b", &["low"])
        );
    }

    #[test]
    fn equals_are_left_alone() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]);
        cluster.place(prioritised(pod("same", "1"), 5), "a");
        let message = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
        assert_eq!(
            check(&cluster, prioritised(pod("new", "1"), 5)),
            Err(message.to_owned())
        );
    }

    #[test]
    fn a_node_that_is_too_small_is_not_emptied() {
        let mut cluster = Cluster::default();
        cluster.node("a", &[]);
        cluster.place(pod("low", "1"), "a");
        let message = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        assert_eq!(
            check(&cluster, prioritised(pod("new", "2"), 5)),
            Err(message.to_owned())
        );
    }
}
