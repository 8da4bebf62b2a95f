//! The pods of a daemon set: where each belongs, and how one for a node is made.

use client::k8s_openapi::api::apps::v1::DaemonSet;
use client::k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod as WholePod, PodSpec, Toleration,
};
use client::lean::Pod;

use crate::history::HASH_LABEL;
use crate::pod;
use crate::pod_control;

const NAME_FIELD: &str = "metadata.name";
/// Deprecated, but still written: which template a pod is of, by a number that a person may set.
const GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";
const GENERATION_LABEL: &str = "pod-template-generation";
/// What daemon pods bear, so that a node in trouble keeps them.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const NETWORK_UNAVAILABLE: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// The node a pod is on, or was made for.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    if !pod::node(pod).is_empty() {
        return Some(pod::node(pod));
    }
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let mut fields = required
        .node_selector_terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten());
    let field = fields.find(|field| field.key == NAME_FIELD && field.operator == "In")?;
    match field.values.as_deref()? {
        [node] => Some(node),
        _ => None,
    }
}

/// A pod for a node. The scheduler binds it, so that it is told of the room it takes.
pub(super) fn make(set: &DaemonSet, hash: &str, node: &str) -> WholePod {
    let mut pod = template_pod(set);
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
    let generation = set
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(GENERATION_ANNOTATION));
    if let Some(generation) = generation {
        labels.insert(GENERATION_LABEL.to_owned(), generation.clone());
    }
    place(pod.spec.get_or_insert_default(), node);
    pod
}

/// A pod of the set with what it bears, for no node yet.
pub(super) fn template_pod(set: &DaemonSet) -> WholePod {
    let template = set.spec.as_ref().map(|spec| spec.template.clone());
    let mut pod = pod_control::pod_of(set, &template.unwrap_or_default());
    let spec = pod.spec.get_or_insert_default();
    let network = (spec.host_network == Some(true)).then_some(NETWORK_UNAVAILABLE);
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().chain(network) {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some(String::from("Exists")),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
    pod
}

/// Asks for the node by name, in place of whatever else the pod asked of nodes by affinity: that was looked at already.
fn place(spec: &mut PodSpec, node: &str) {
    let term = NodeSelectorTerm {
        match_fields: Some(vec![NodeSelectorRequirement {
            key: NAME_FIELD.to_owned(),
            operator: String::from("In"),
            values: Some(vec![node.to_owned()]),
        }]),
        match_expressions: None,
    };
    let affinity = spec.affinity.get_or_insert_default();
    let affinity = affinity.node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution = Some(NodeSelector {
        node_selector_terms: vec![term],
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_made_for_one_node() {
        let whole = make(&DaemonSet::default(), "h", "m");
        let pod = Pod::from(&whole);
        assert_eq!(node_of(&pod), Some("m"));
        assert_eq!(pod::label(&pod, HASH_LABEL), Some("h"));
        let spec = whole.spec.unwrap();
        assert_eq!(spec.tolerations.map(|all| all.len()), Some(6));
        assert_eq!(spec.node_name, None);
    }

    #[test]
    fn a_pod_without_a_place_is_on_no_node() {
        assert_eq!(node_of(&Pod::default()), None);
    }
}
