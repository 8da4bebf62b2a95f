//! Whether a node is of the kind a pod asks for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};

use super::{AdmissionInput, failed_check};
use crate::status::PodVerdict;

pub fn refusal(input: AdmissionInput<'_>) -> Option<PodVerdict> {
    let labels = input.node.metadata.labels.clone().unwrap_or_default();
    let spec = input.pod.spec();
    let mut wanted = spec.node_selector.iter().flatten();
    let selected = wanted.all(|(key, value)| labels.get(key) == Some(value));
    let node_affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = node_affinity.and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let name = input.node.metadata.name.as_deref().unwrap_or_default();
    let fields = BTreeMap::from([("metadata.name".to_owned(), name.to_owned())]);
    let required = required.is_none_or(|required| {
        required
            .node_selector_terms
            .iter()
            .any(|term| matches(term, &labels, &fields))
    });
    if selected && required {
        return None;
    }
    Some(failed_check(
        "NodeAffinity",
        "node(s) didn't match Pod's node affinity/selector",
    ))
}

/// A term without requirements matches nothing.
fn matches(
    term: &NodeSelectorTerm,
    labels: &BTreeMap<String, String>,
    fields: &BTreeMap<String, String>,
) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let of_fields = term.match_fields.as_deref().unwrap_or_default();
    let is_empty = expressions.is_empty() && of_fields.is_empty();
    !is_empty
        && expressions.iter().all(|requirement| holds(requirement, labels))
        && of_fields.iter().all(|requirement| holds(requirement, fields))
}

fn holds(requirement: &NodeSelectorRequirement, values: &BTreeMap<String, String>) -> bool {
    let found = values.get(&requirement.key);
    let listed = requirement.values.as_deref().unwrap_or_default();
    let compared = |compare: fn(&i64, &i64) -> bool| {
        let found = found.and_then(|found| found.parse().ok());
        let limit = listed.first().and_then(|limit| limit.parse().ok());
        matches!((found, limit), (Some(found), Some(limit)) if compare(&found, &limit))
    };
    match requirement.operator.as_str() {
        "In" => found.is_some_and(|found| listed.contains(found)),
        "NotIn" => found.is_none_or(|found| !listed.contains(found)),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared(i64::gt),
        "Lt" => compared(i64::lt),
        _ => false,
    }
}
