//! Moving to a new template, a few nodes at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::{DaemonSet, RollingUpdateDaemonSet};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use client::lean::Pod;
use meta::int_or_string::Rounding;

use super::plan::{Observed, Plan, Wish};
use crate::pod;

fn rolling(set: &DaemonSet) -> Option<RollingUpdateDaemonSet> {
    let strategy = set.spec.as_ref()?.update_strategy.as_ref()?;
    let rolling = strategy
        .type_
        .as_deref()
        .is_none_or(|kind| kind == "RollingUpdate");
    rolling.then(|| strategy.rolling_update.clone().unwrap_or_default())
}

fn scaled(value: Option<&IntOrString>, wishes: &BTreeMap<&str, Wish>) -> Option<usize> {
    let total = wishes.values().filter(|wish| **wish == Wish::Run).count();
    let value = match value? {
        IntOrString::Int(number) => meta::IntOrString::Int(*number),
        IntOrString::String(text) => meta::IntOrString::String(text.clone()),
    };
    let total = i32::try_from(total).unwrap_or(i32::MAX);
    let scaled = value.scaled_value(total, Rounding::Up).unwrap_or(0);
    usize::try_from(scaled).ok()
}

/// How many nodes may have two pods during an update.
pub(super) fn max_surge(set: &DaemonSet, wishes: &BTreeMap<&str, Wish>) -> usize {
    let rolling = rolling(set);
    scaled(
        rolling.as_ref().and_then(|rolling| rolling.max_surge.as_ref()),
        wishes,
    )
    .unwrap_or(0)
}

/// The old and the new pod of a node.
struct OnNode<'a> {
    node: &'a str,
    old: Option<&'a Arc<Pod>>,
    new: Option<&'a Arc<Pod>>,
}

/// What the update calls for now, given that each node has its pod.
pub(super) fn make(observed: &Observed<'_>) -> Plan {
    let Some(rolling) = rolling(observed.set) else {
        return Plan::default();
    };
    let wishes = observed.wishes();
    let surge = max_surge(observed.set, &wishes);
    let mut plan = Plan::default();
    if surge > 0 {
        surging(observed, &wishes, surge, &mut plan);
    } else {
        let limit = scaled(rolling.max_unavailable.as_ref(), &wishes).unwrap_or(1);
        replacing(observed, &wishes, limit, &mut plan);
    }
    plan
}

fn nodes<'a>(observed: &'a Observed<'_>, wishes: &BTreeMap<&'a str, Wish>) -> Vec<OnNode<'a>> {
    let by_node = observed.by_node();
    let wanted = wishes.iter().filter(|(_, wish)| **wish != Wish::No);
    wanted
        .filter_map(|(&node, _)| {
            let pods = by_node.get(node)?;
            let find = |current: bool| {
                pods.iter()
                    .copied()
                    .find(|pod| observed.is_current(pod) == current)
            };
            Some(OnNode {
                node,
                old: find(false),
                new: find(true),
            })
        })
        .collect()
}

/// Old pods go; the next pass fills the gaps. Those that serve nobody go at once.
fn replacing(observed: &Observed<'_>, wishes: &BTreeMap<&str, Wish>, limit: usize, plan: &mut Plan) {
    let on_nodes = nodes(observed, wishes);
    let wanted = wishes.values().filter(|wish| **wish == Wish::Run).count();
    let mut unavailable = wanted.saturating_sub(on_nodes.len());
    let mut candidates = Vec::new();
    for OnNode { old, new, .. } in on_nodes {
        match (old, new) {
            (Some(old), None) if pod::is_deleting(old) => unavailable += 1,
            (Some(old), None) if !observed.is_available(old) => {
                unavailable += 1;
                plan.delete.push(old.clone());
            }
            (Some(old), None) => candidates.push(old.clone()),
            (None, Some(new)) if observed.is_available(new) && !pod::is_deleting(new) => {}
            _ => unavailable += 1,
        }
    }
    let room = limit.saturating_sub(unavailable);
    plan.delete.extend(candidates.into_iter().take(room));
}

/// New pods come beside the old ones, which go when the new ones are available.
fn surging(observed: &Observed<'_>, wishes: &BTreeMap<&str, Wish>, limit: usize, plan: &mut Plan) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for OnNode { node, old, new } in nodes(observed, wishes) {
        match (old, new) {
            (Some(old), None) if pod::is_deleting(old) || !observed.is_available(old) => {
                plan.create.push(node.to_owned());
            }
            (Some(_), None) => candidates.push(node.to_owned()),
            (Some(old), Some(new)) if observed.is_available(new) => {
                if !pod::is_deleting(old) {
                    plan.delete.push(old.clone());
                }
            }
            (Some(_), Some(_)) => surging += 1,
            (None, _) => {}
        }
    }
    let room = limit.saturating_sub(surging);
    plan.create.extend(candidates.into_iter().take(room));
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::{DaemonSetSpec, DaemonSetUpdateStrategy};

    use super::super::plan::testing::{names, node, observe, pod};
    use super::*;

    fn set(kind: &str, unavailable: i32, surge: &str) -> DaemonSet {
        DaemonSet {
            spec: Some(DaemonSetSpec {
                update_strategy: Some(DaemonSetUpdateStrategy {
                    type_: Some(kind.into()),
                    rolling_update: Some(RollingUpdateDaemonSet {
                        max_unavailable: Some(IntOrString::Int(unavailable)),
                        max_surge: Some(IntOrString::String(surge.into())),
                    }),
                }),
                ..DaemonSetSpec::default()
            }),
            ..DaemonSet::default()
        }
    }

    fn check(set: &DaemonSet, pods: Vec<Pod>, create: &[&str], delete: &[&str]) {
        let nodes = [node("a", ""), node("b", ""), node("c", "")];
        let plan = observe(set, &nodes, pods, make);
        assert_eq!(plan.create, create);
        assert_eq!(names(&plan.delete), delete);
    }

    fn pods(states: [(&str, bool); 3]) -> Vec<Pod> {
        ["a", "b", "c"]
            .into_iter()
            .zip(states)
            .map(|(node, (hash, ready))| pod(node, node, hash, ready))
            .collect()
    }

    #[test]
    fn no_more_are_unavailable_than_may_be() {
        let set = set("RollingUpdate", 1, "0%");
        let old = ("old", true);
        check(&set, pods([old, old, old]), &[], &["a"]);
        check(&set, pods([("new", true), old, old]), &[], &["b"]);
        check(&set, pods([("new", false), old, old]), &[], &[]);
        check(
            &set,
            pods([("old", false), ("old", false), old]),
            &[],
            &["a", "b"],
        );
        // A node without a pod is unavailable, too.
        check(&set, pods([old, old, old]).split_off(1), &[], &[]);
    }

    #[test]
    fn new_pods_come_beside_old_ones() {
        let set = set("RollingUpdate", 0, "34%");
        let old = ("old", true);
        check(&set, pods([old, old, old]), &["a", "b"], &[]);
        check(&set, pods([old, old, ("old", false)]), &["c", "a", "b"], &[]);
        let mut both = pods([old, old, old]);
        both.push(pod("a2", "a", "new", false));
        check(&set, both.clone(), &["b"], &[]);
        both.pop();
        both.push(pod("a2", "a", "new", true));
        check(&set, both, &["b", "c"], &["a"]);
    }

    #[test]
    fn nothing_moves_by_itself_on_delete() {
        let old = ("old", true);
        check(&set("OnDelete", 1, "0%"), pods([old, old, old]), &[], &[]);
    }
}
