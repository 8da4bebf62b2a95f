//! What a node's conditions mean: the taints it must have, and its state once nothing is heard of it any more.

use client::k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use jiff::Timestamp;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Conditions that, when true, keep pods away, with the taint that does so.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];
/// Conditions that the kubelet reports, and that nobody knows once it is silent.
const REPORTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

fn status<'a>(node: &'a Node, kind: &str) -> Option<&'a str> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .map(|condition| condition.status.as_str())
}

/// Whether the node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    status(node, "Ready") == Some("True")
}

/// The node's taints as they should be, if they differ: those of its conditions, and all others it has.
pub(super) fn wanted_taints(node: &Node, now: Timestamp) -> Option<Vec<Taint>> {
    let spec = node.spec.as_ref();
    let there = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let wanted = taints_of_conditions(node);
    let is_ours = |taint: &Taint| {
        let pressure = PRESSURES.iter().any(|(_, key)| taint.key == *key);
        let schedule = pressure || [NOT_READY, UNREACHABLE, UNSCHEDULABLE].contains(&taint.key.as_str());
        let execute = [NOT_READY, UNREACHABLE].contains(&taint.key.as_str());
        (taint.effect == "NoSchedule" && schedule) || (taint.effect == "NoExecute" && execute)
    };
    let is = |taint: &Taint, key: &str, effect: &str| taint.key == key && taint.effect == effect;
    let stays = |taint: &&Taint| !is_ours(taint) || wanted.iter().any(|(key, effect)| is(taint, key, effect));
    let mut taints: Vec<Taint> = there.iter().filter(stays).cloned().collect();
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| is(taint, key, effect)) {
            taints.push(Taint {
                key: (*key).to_owned(),
                effect: (*effect).to_owned(),
                time_added: Some(Time(now)),
                ..Taint::default()
            });
        }
    }
    (taints != there).then_some(taints)
}

fn taints_of_conditions(node: &Node) -> Vec<(&'static str, &'static str)> {
    let mut taints = Vec::new();
    match status(node, "Ready") {
        Some("True") => {}
        Some("Unknown") => taints.extend([(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]),
        // A node that has not reported yet is not ready.
        _ => taints.extend([(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]),
    }
    let pressures = PRESSURES
        .iter()
        .filter(|(condition, _)| status(node, condition) == Some("True"));
    taints.extend(pressures.map(|(_, key)| (*key, "NoSchedule")));
    if node
        .spec
        .as_ref()
        .and_then(|spec| spec.unschedulable)
        .unwrap_or(false)
    {
        taints.push((UNSCHEDULABLE, "NoSchedule"));
    }
    taints
}

/// The conditions of a node whose kubelet is silent; none if they say so already.
pub(super) fn silent(node: &Node, now: Timestamp) -> Option<Vec<NodeCondition>> {
    let there = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone())
        .unwrap_or_default();
    let mut conditions = there.clone();
    for kind in REPORTED {
        match conditions.iter_mut().find(|condition| condition.type_ == kind) {
            Some(condition) if condition.status == "Unknown" => {}
            Some(condition) => {
                condition.status = String::from("Unknown");
                condition.reason = Some(String::from("NodeStatusUnknown"));
                condition.message = Some(String::from("Kubelet stopped posting node status."));
                condition.last_transition_time = Some(Time(now));
            }
            None => conditions.push(NodeCondition {
                type_: kind.to_owned(),
                status: String::from("Unknown"),
                reason: Some(String::from("NodeStatusNeverUpdated")),
                message: Some(String::from("Kubelet never posted node status.")),
                last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                last_transition_time: Some(Time(now)),
            }),
        }
    }
    (conditions != there).then_some(conditions)
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{NodeSpec, NodeStatus};

    use super::*;

    fn node(conditions: &[(&str, &str)], taints: &[(&str, &str)]) -> Node {
        let condition = |&(kind, status): &(&str, &str)| NodeCondition {
            type_: kind.into(),
            status: status.into(),
            ..NodeCondition::default()
        };
        let taint = |&(key, effect): &(&str, &str)| Taint {
            key: key.into(),
            effect: effect.into(),
            ..Taint::default()
        };
        Node {
            spec: Some(NodeSpec {
                taints: Some(taints.iter().map(taint).collect()),
                ..NodeSpec::default()
            }),
            status: Some(NodeStatus {
                conditions: Some(conditions.iter().map(condition).collect()),
                ..NodeStatus::default()
            }),
            ..Node::default()
        }
    }

    fn check(conditions: &[(&str, &str)], taints: &[(&str, &str)], expected: Option<&[(&str, &str)]>) {
        let wanted = wanted_taints(&node(conditions, taints), Timestamp::UNIX_EPOCH);
        let wanted: Option<Vec<_>> = wanted.map(|taints| {
            taints
                .into_iter()
                .map(|taint| (taint.key, taint.effect))
                .collect()
        });
        let expected: Option<Vec<_>> = expected.map(|taints| {
            taints
                .iter()
                .map(|(key, effect)| ((*key).to_owned(), (*effect).to_owned()))
                .collect()
        });
        assert_eq!(wanted, expected, "{conditions:?} {taints:?}");
    }

    #[test]
    fn taints_follow_conditions_and_leave_others_alone() {
        let not_ready = [(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")];
        let unreachable = [(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")];
        check(&[("Ready", "True")], &[], None);
        check(&[("Ready", "False")], &[], Some(&not_ready));
        check(&[], &[], Some(&not_ready));
        check(&[("Ready", "Unknown")], &not_ready, Some(&unreachable));
        check(
            &[("Ready", "True")],
            &[unreachable[0], unreachable[1], ("mine", "NoExecute")],
            Some(&[("mine", "NoExecute")]),
        );
        let pressure = [("node.kubernetes.io/disk-pressure", "NoSchedule")];
        check(
            &[("Ready", "True"), ("DiskPressure", "True")],
            &[],
            Some(&pressure),
        );
    }

    #[test]
    fn a_silent_node_is_unknown_once() {
        let mut silent_node = node(&[("Ready", "True")], &[]);
        let conditions = silent(&silent_node, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(conditions.len(), REPORTED.len());
        assert!(conditions.iter().all(|condition| condition.status == "Unknown"));
        silent_node.status.get_or_insert_default().conditions = Some(conditions);
        assert_eq!(silent(&silent_node, Timestamp::MAX), None);
    }
}
