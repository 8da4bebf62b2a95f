//! Rules for affinity to nodes and to other pods.

use super::scheduling::topology_key;
use crate::toolkit::{Field, Seen};

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
        node_selector_term(&preferred.child("preference"));
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
    for requirement in term.child("matchExpressions").items() {
        node_labels(&requirement);
    }
    for requirement in term.child("matchFields").items() {
        node_fields(&requirement);
    }
}

fn node_labels(requirement: &Field) {
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
    for value in values.items() {
        value.label_value();
    }
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
    label_keys(term, &selector);
    topology_key(&term.child("topologyKey"));
}

/// Labels whose values are taken from the pod itself.
fn label_keys(term: &Field, selector: &Field) {
    let (wanted, unwanted) = (term.child("matchLabelKeys"), term.child("mismatchLabelKeys"));
    if !selector.is_set() {
        for keys in [&wanted, &unwanted] {
            if !keys.is_empty() {
                keys.forbidden("must not be specified when labelSelector is not set");
            }
        }
        return;
    }
    let mut both = Seen::new();
    for key in wanted.items() {
        key.qualified_name();
        both.again(key.text());
    }
    for key in unwanted.items() {
        key.qualified_name();
        if both.again(key.text()) {
            key.invalid("exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}
