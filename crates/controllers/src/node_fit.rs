//! Whether a pod could run on a node, as far as that does not depend on what runs there already.

use client::k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration,
};
use client::lean::{Pod, PodSpec};

/// What a node's taints make of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Borne {
    /// It bears all that matter.
    All,
    /// It may stay, but not come.
    NotOnArrival,
    /// It must go.
    No,
}

/// Whether the node is one the pod asks for: its name, its labels.
pub(crate) fn selects(pod: &Pod, node: &Node) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let name = node.metadata.name.as_deref().unwrap_or("");
    let named = spec
        .node_name
        .as_deref()
        .is_none_or(|wanted| wanted.is_empty() || wanted == name);
    named && has_labels(spec, node) && has_affinity(spec, node)
}

fn has_labels(spec: &PodSpec, node: &Node) -> bool {
    let wanted = spec.node_selector.iter().flatten();
    let labels = node.metadata.labels.as_ref();
    wanted
        .into_iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn has_affinity(spec: &PodSpec, node: &Node) -> bool {
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    required.is_none_or(|required| {
        required
            .node_selector_terms
            .iter()
            .any(|term| term_matches(term, node))
    })
}

fn term_matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let labels = node.metadata.labels.as_ref();
    let name = node.metadata.name.as_deref();
    expressions
        .iter()
        .all(|r| requirement_matches(r, labels.and_then(|l| l.get(&r.key)).map(String::as_str)))
        && fields
            .iter()
            .all(|r| requirement_matches(r, name.filter(|_| r.key == "metadata.name")))
}

fn requirement_matches(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = || value.is_some_and(|value| values.iter().any(|listed| listed == value));
    let numbers = || -> Option<(i64, i64)> { Some((value?.parse().ok()?, values.first()?.parse().ok()?)) };
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(a, b)| a > b),
        "Lt" => numbers().is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

/// What the node's taints make of the pod.
pub(crate) fn bears(pod: &Pod, node: &Node) -> Borne {
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref());
    let tolerations = tolerations.unwrap_or_default();
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
    let untolerated = taints
        .unwrap_or_default()
        .iter()
        .filter(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)));
    untolerated.fold(Borne::All, |borne, taint| match taint.effect.as_str() {
        "NoExecute" => Borne::No,
        "NoSchedule" if borne == Borne::All => Borne::NotOnArrival,
        _ => borne,
    })
}

/// Whether a toleration is for a taint.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    let right_effect = effect.is_empty() || effect == taint.effect;
    let right_key = key.is_empty() || key == taint.key;
    let right_value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => !key.is_empty() && text(&toleration.value) == text(&taint.value),
        _ => false,
    };
    right_effect && right_key && right_value
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::NodeSpec;
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    use super::*;

    fn node(taints: &[(&str, &str)]) -> Node {
        let taint = |&(key, effect): &(&str, &str)| Taint {
            key: key.into(),
            effect: effect.into(),
            ..Taint::default()
        };
        Node {
            metadata: ObjectMeta {
                name: Some("m".into()),
                labels: Some([("zone".to_owned(), "a".to_owned())].into()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                taints: Some(taints.iter().map(taint).collect()),
                ..NodeSpec::default()
            }),
            ..Node::default()
        }
    }

    fn pod(spec: serde_json::Value) -> Pod {
        let mut spec = spec;
        spec["containers"] = json!([]);
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn check_selected(spec: serde_json::Value, expected: bool) {
        let text = spec.to_string();
        assert_eq!(selects(&pod(spec), &node(&[])), expected, "{text}");
    }

    #[test]
    fn names_and_labels_select_nodes() {
        let affinity = |term: serde_json::Value| {
            json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] } } } })
        };
        check_selected(json!({}), true);
        check_selected(json!({ "nodeName": "m" }), true);
        check_selected(json!({ "nodeName": "o" }), false);
        check_selected(json!({ "nodeSelector": { "zone": "a" } }), true);
        check_selected(json!({ "nodeSelector": { "zone": "b" } }), false);
        check_selected(affinity(json!({})), false);
        let by_label =
            json!({ "matchExpressions": [{ "key": "zone", "operator": "NotIn", "values": ["b"] }] });
        check_selected(affinity(by_label), true);
        let by_name =
            json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["o"] }] });
        check_selected(affinity(by_name), false);
    }

    #[test]
    fn taints_keep_pods_from_coming_or_staying() {
        let tolerant = pod(json!({ "tolerations": [{ "key": "a", "operator": "Exists" }] }));
        for (taints, expected) in [
            (&[][..], Borne::All),
            (&[("a", "NoExecute")], Borne::All),
            (&[("b", "PreferNoSchedule")], Borne::All),
            (&[("b", "NoSchedule")], Borne::NotOnArrival),
            (&[("b", "NoExecute"), ("c", "NoSchedule")], Borne::No),
        ] {
            assert_eq!(bears(&tolerant, &node(taints)), expected, "{taints:?}");
        }
    }
}
