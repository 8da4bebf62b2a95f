//! Which labels a kubelet may put on its own node: all but those of Kubernetes' own domains, and of these the ones that
//! describe the machine.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Labels under these domains are for administrators: pods may be kept away from nodes by them.
const RESERVED: [&str; 2] = ["kubernetes.io", "k8s.io"];
/// Domains within the reserved ones that kubelets may use.
const ALLOWED_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const ALLOWED: [&str; 12] = [
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// The labels that differ between two nodes and that a kubelet may not change, in order.
pub(super) fn forbidden_changes<'a>(new: &'a Value, old: &'a Value) -> BTreeSet<&'a str> {
    let (new, old) = (labels(new), labels(old));
    let value = |labels: Option<&'a Map<String, Value>>, key: &str| labels.and_then(|labels| labels.get(key));
    let keys = new.into_iter().chain(old).flat_map(Map::keys);
    keys.map(String::as_str)
        .filter(|key| value(new, key) != value(old, key) && is_forbidden(key))
        .collect()
}

fn labels(node: &Value) -> Option<&Map<String, Value>> {
    node.pointer("/metadata/labels")?.as_object()
}

fn is_forbidden(label: &str) -> bool {
    let Some((domain, _)) = label.split_once('/') else {
        return false;
    };
    let is_within = |outer: &str| domain == outer || domain.ends_with(&format!(".{outer}"));
    RESERVED.into_iter().any(is_within)
        && !ALLOWED.contains(&label)
        && !ALLOWED_DOMAINS.into_iter().any(is_within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_labels_are_not_for_kubelets() {
        let cases = [
            ("example.com/a", false),
            ("plain", false),
            ("kubernetes.io/hostname", false),
            ("topology.kubernetes.io/zone", false),
            ("kubelet.kubernetes.io/x", false),
            ("a.node.kubernetes.io/x", false),
            ("node-restriction.kubernetes.io/a", true),
            ("foo.node-restriction.kubernetes.io/a", true),
            ("node-role.kubernetes.io/worker", true),
            ("kubernetes.io/x", true),
            ("foo.k8s.io/b", true),
            ("notk8s.io/b", false),
        ];
        for (label, expected) in cases {
            assert_eq!(is_forbidden(label), expected, "{label}");
        }
    }
}
