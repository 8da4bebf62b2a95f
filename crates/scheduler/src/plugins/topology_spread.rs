//! Topology spread constraints: pods of one kind evenly over zones, hosts, or whatever a label tells apart.

use std::collections::{BTreeSet, HashMap};

use client::k8s_openapi::api::core::v1::TopologySpreadConstraint;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{node_affinity, taint_toleration};
use crate::framework::{ClusterChange, Cycle, Filter, MAX_SCORE, NodeFilter, Rejection, Score};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selector::labels_match;

pub(crate) struct TopologySpread;

const MISMATCH: &str = "node(s) didn't match pod topology spread constraints";
const MISSING_LABEL: &str = "node(s) didn't match pod topology spread constraints (missing required label)";

/// A constraint with the pod's own label values put into its selector (`matchLabelKeys`).
struct Constraint<'a> {
    of: &'a TopologySpreadConstraint,
    selector: LabelSelector,
}

impl<'a> Constraint<'a> {
    fn all(pod: &'a PodInfo, when_unsatisfiable: &str) -> Vec<Self> {
        let wanted = pod
            .spread_constraints()
            .iter()
            .filter(|c| c.when_unsatisfiable == when_unsatisfiable);
        wanted
            .map(|of| Self {
                of,
                selector: selector(of, pod),
            })
            .collect()
    }

    fn domain<'n>(&self, node: &'n NodeInfo) -> Option<&'n str> {
        node.labels().get(&self.of.topology_key).map(String::as_str)
    }

    /// Whether pods on the node count: by default nodes the pod could not be on anyway do not.
    fn counts(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let honours =
            |policy: &Option<String>, default: &str| policy.as_deref().unwrap_or(default) == "Honor";
        let affinity = !honours(&self.of.node_affinity_policy, "Honor") || node_affinity::matches(pod, node);
        let taints = !honours(&self.of.node_taints_policy, "Ignore")
            || node
                .taints()
                .iter()
                .filter(|taint| taint.effect != "PreferNoSchedule")
                .all(|taint| {
                    pod.tolerations()
                        .iter()
                        .any(|toleration| taint_toleration::tolerates(toleration, taint))
                });
        affinity && taints
    }

    fn matching_pods(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let counted = node.pods.iter().filter(|other| {
            !other.is_terminating()
                && other.namespace() == pod.namespace()
                && labels_match(Some(&self.selector), other.labels())
        });
        counted.count() as i64
    }

    fn matches_itself(&self, pod: &PodInfo) -> i64 {
        i64::from(labels_match(Some(&self.selector), pod.labels()))
    }

    /// Matching pods per domain, over the nodes that count and have every key of `constraints`.
    fn domains<'n>(&self, cycle: Cycle<'n>, constraints: &[Constraint<'_>]) -> HashMap<&'n str, i64> {
        let mut domains = HashMap::new();
        for node in cycle.nodes.iter() {
            let has_all_keys = constraints.iter().all(|c| c.domain(node).is_some());
            let Some(domain) = self.domain(node).filter(|_| has_all_keys) else {
                continue;
            };
            if self.counts(cycle.pod, node) {
                *domains.entry(domain).or_default() += self.matching_pods(cycle.pod, node);
            }
        }
        domains
    }
}

fn selector(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> LabelSelector {
    let mut selector = constraint.label_selector.clone().unwrap_or_default();
    for key in constraint.match_label_keys.iter().flatten() {
        if let Some(value) = pod.labels().get(key) {
            selector
                .match_labels
                .get_or_insert_default()
                .insert(key.clone(), value.to_owned());
        }
    }
    selector
}

impl Filter for TopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Option<Box<dyn NodeFilter + 'a>> {
        let constraints = Constraint::all(cycle.pod, "DoNotSchedule");
        if constraints.is_empty() {
            return None;
        }
        let domains: Vec<_> = constraints
            .iter()
            .map(|c| c.domains(cycle, &constraints))
            .collect();
        let pod = cycle.pod;
        Some(Box::new(move |node: &NodeInfo| {
            for (constraint, domains) in constraints.iter().zip(&domains) {
                let Some(domain) = constraint.domain(node) else {
                    return Err(Rejection::unresolvable(MISSING_LABEL));
                };
                let too_few = constraint
                    .of
                    .min_domains
                    .is_some_and(|min| (domains.len() as i32) < min);
                let least = if too_few {
                    0
                } else {
                    domains.values().copied().min().unwrap_or(0)
                };
                let here = domains.get(domain).copied().unwrap_or(0) + constraint.matches_itself(pod);
                if here - least > i64::from(constraint.of.max_skew) {
                    return Err(Rejection::resolvable(MISMATCH));
                }
            }
            Ok(())
        }))
    }

    fn is_helped_by(&self, change: ClusterChange) -> bool {
        change != ClusterChange::NodeAllocatable
    }
}

impl Score for TopologySpread {
    fn weight(&self) -> i64 {
        2
    }

    fn scores(&self, cycle: Cycle<'_>, fitting: &[&NodeInfo]) -> Option<Vec<i64>> {
        let constraints = Constraint::all(cycle.pod, "ScheduleAnyway");
        if constraints.is_empty() {
            return None;
        }
        let mut costs = vec![Some(0.0); fitting.len()];
        for constraint in &constraints {
            let domains = constraint.domains(cycle, &constraints);
            let distinct: BTreeSet<_> = fitting
                .iter()
                .filter_map(|node| constraint.domain(node))
                .collect();
            // Many domains have few pods each; the weight keeps such a constraint from counting for nothing.
            let weight = ((distinct.len() + 2) as f64).ln();
            for (cost, node) in costs.iter_mut().zip(fitting) {
                *cost = match (*cost, constraint.domain(node)) {
                    (Some(cost), Some(domain)) => {
                        let pods = domains.get(domain).copied().unwrap_or(0) as f64;
                        Some(cost + pods * weight + f64::from(constraint.of.max_skew - 1))
                    }
                    _ => None,
                };
            }
        }
        Some(scores_of_costs(&costs))
    }
}

/// The lowest cost scores best; a node without the labels scores nothing.
fn scores_of_costs(costs: &[Option<f64>]) -> Vec<i64> {
    let known = || costs.iter().flatten().map(|cost| cost.round() as i64);
    let (min, max) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
    let score = |cost: &Option<f64>| match cost {
        None => 0,
        Some(_) if max == 0 => MAX_SCORE,
        Some(cost) => MAX_SCORE * (max + min - cost.round() as i64) / max,
    };
    costs.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use client::lean::Pod;

    use super::super::testing::{Cluster, labelled, pod};
    use super::*;

    fn spread(skew: i32) -> Pod {
        let mut pod = labelled(pod("new", "0"), &[("app", "web")]);
        let selector = LabelSelector {
            match_labels: Some([("app".to_owned(), "web".to_owned())].into()),
            ..LabelSelector::default()
        };
        pod.spec.get_or_insert_default().topology_spread_constraints = Some(vec![TopologySpreadConstraint {
            max_skew: skew,
            topology_key: "zone".into(),
            when_unsatisfiable: "DoNotSchedule".into(),
            label_selector: Some(selector),
            ..TopologySpreadConstraint::default()
        }]);
        pod
    }

    fn cluster() -> Cluster {
        let mut cluster = Cluster::default();
        cluster
            .node("a", &[("zone", "1")])
            .node("b", &[("zone", "2")])
            .node("c", &[]);
        cluster
    }

    #[test]
    fn the_emptier_domain_is_the_only_one_left() {
        let mut cluster = cluster();
        cluster.place(labelled(pod("x", "0"), &[("app", "web")]), "a");
        let rejected = cluster.rejections(&TopologySpread, spread(1));
        assert_eq!(rejected, [("a", MISMATCH), ("c", MISSING_LABEL)]);
    }

    #[test]
    fn skew_allows_for_differences() {
        let mut cluster = cluster();
        cluster.place(labelled(pod("x", "0"), &[("app", "web")]), "a");
        assert_eq!(
            cluster.rejections(&TopologySpread, spread(2)),
            [("c", MISSING_LABEL)]
        );
    }

    #[test]
    fn other_pods_do_not_count() {
        let mut cluster = cluster();
        cluster.place(labelled(pod("x", "0"), &[("app", "db")]), "a");
        assert_eq!(
            cluster.rejections(&TopologySpread, spread(1)),
            [("c", MISSING_LABEL)]
        );
    }
}
