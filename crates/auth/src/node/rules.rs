//! What every node may do, whatever runs on it: the facts of upstream's `system:node` role.

use crate::attributes::ResourceTarget;

struct Rule {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

const fn rule(
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Rule {
    Rule {
        groups,
        resources,
        verbs,
    }
}

const READ: &[&str] = &["get", "list", "watch"];

/// Without what the authorizer decides by name or relation (secrets, leases, ...).
const RULES: &[Rule] = &[
    rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
    rule(
        &["authorization.k8s.io"],
        &["localsubjectaccessreviews", "subjectaccessreviews"],
        &["create"],
    ),
    rule(&[""], &["services"], READ),
    rule(&[""], &["nodes"], &["create", "update", "patch"]),
    rule(&[""], &["nodes/status"], &["update", "patch"]),
    rule(
        &["", "events.k8s.io"],
        &["events"],
        &["create", "update", "patch"],
    ),
    rule(&[""], &["pods"], &["create", "delete"]),
    rule(&[""], &["pods/status"], &["update", "patch"]),
    rule(&[""], &["pods/eviction"], &["create"]),
    rule(&[""], &["endpoints"], &["get"]),
    rule(
        &["certificates.k8s.io"],
        &["certificatesigningrequests"],
        &["create", "get", "list", "watch"],
    ),
    rule(&["storage.k8s.io"], &["csidrivers"], READ),
    rule(&["node.k8s.io"], &["runtimeclasses"], READ),
];

/// Whether every node may do that.
pub(super) fn allow(verb: &str, target: &ResourceTarget<'_>) -> bool {
    RULES.iter().any(|rule| {
        rule.groups.contains(&target.group)
            && rule.verbs.contains(&verb)
            && rule.resources.iter().any(|r| names(r, target))
    })
}

fn names(rule: &str, target: &ResourceTarget<'_>) -> bool {
    match rule.split_once('/') {
        None => rule == target.resource && target.subresource.is_empty(),
        Some((resource, subresource)) => resource == target.resource && subresource == target.subresource,
    }
}
