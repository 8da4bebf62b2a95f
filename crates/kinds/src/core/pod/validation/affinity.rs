//! Rules for affinity to nodes and to other pods.

use super::spread::label_keys;
use crate::toolkit::Field;

/// All of a pod's likes and dislikes.
pub fn affinity(affinity: &Field) {
    let nodes = affinity.child("nodeAffinity");
    let required = nodes.child("requiredDuringSchedulingIgnoredDuringExecution");
    if required.is_set() {
        node_selector(&required);
    }
    for preferred in nodes
        .child("preferredDuringSchedulingIgnoredDuringExecution")
        .items()
    {
        weight(&preferred);
        // A value that can be no label's is only remarked here.
        node_term(&preferred.child("preference"), node_label);
    }
    for pods in ["podAffinity", "podAntiAffinity"] {
        let pods = affinity.child(pods);
        for required in pods
            .child("requiredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            pod_term(&required);
        }
        for preferred in pods
            .child("preferredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            weight(&preferred);
            pod_term(&preferred.child("podAffinityTerm"));
        }
    }
}

fn weight(preferred: &Field) {
    let weight = preferred.child("weight");
    if !(1..=100).contains(&weight.number()) {
        weight.invalid_as(weight.number(), "must be in the range 1-100");
    }
}

/// Which nodes: any of the terms.
pub fn node_selector(selector: &Field) {
    let terms = selector.child("nodeSelectorTerms");
    if terms.is_empty() {
        return terms.required("must have at least one node selector term");
    }
    for term in terms.items() {
        node_selector_term(&term);
    }
}

/// Which nodes: all of the expressions.
pub fn node_selector_term(term: &Field) {
    node_term(term, |requirement| {
        node_label(requirement);
        for value in requirement.child("values").items() {
            value.label_value();
        }
    });
}

fn node_term(term: &Field, label: impl Fn(&Field)) {
    for requirement in term.child("matchExpressions").items() {
        label(&requirement);
    }
    for requirement in term.child("matchFields").items() {
        node_fields(&requirement);
    }
}

fn node_label(requirement: &Field) {
    let (operator, values) = (requirement.child("operator"), requirement.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            values.required("must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            values.required("must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => operator.invalid_as(other, "not a valid selector operator"),
    }
    requirement.child("key").qualified_name();
}

fn node_fields(requirement: &Field) {
    let (key, operator, values) = (
        requirement.child("key"),
        requirement.child("operator"),
        requirement.child("values"),
    );
    match operator.text() {
        "In" | "NotIn" if values.len() != 1 => {
            values.required(
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            );
        }
        "In" | "NotIn" => {}
        other => operator.invalid_as(other, "not a valid selector operator"),
    }
    if key.text() != "metadata.name" {
        return key.invalid_as(key.text(), "not a valid field selector key");
    }
    for value in values.items() {
        value.dns_subdomain();
    }
}

fn pod_term(term: &Field) {
    let selector = term.child("labelSelector");
    selector.label_selector();
    term.child("namespaceSelector").label_selector();
    let namespaces = term.child("namespaces");
    let place = term.child("namespace");
    for namespace in namespaces.texts() {
        for complaint in meta::name::dns1123_label(namespace) {
            place.invalid_as(namespace, &complaint);
        }
    }
    label_keys(term, &term.child("mismatchLabelKeys"));
    let key = term.child("topologyKey");
    if key.is_empty() {
        key.required("can not be empty");
    }
    key.qualified_name();
}
