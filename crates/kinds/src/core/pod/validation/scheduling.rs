//! Rules for tolerations, topology spread, gates and readiness.

use crate::toolkit::{Field, Seen};

/// What a taint does.
pub const TAINT_EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Taints that the pod puts up with.
pub fn tolerations(tolerations: &Field) {
    for toleration in tolerations.items() {
        let (key, operator, effect) = (
            toleration.child("key"),
            toleration.child("operator"),
            toleration.child("effect"),
        );
        if !key.is_empty() {
            key.qualified_name();
        } else if operator.text() != "Exists" {
            operator.invalid_as(
                operator.text(),
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            );
        }
        if toleration.child("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            effect.invalid_as(
                effect.text(),
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            );
        }
        let value = toleration.text_of("value");
        match operator.text() {
            "" | "Equal" => {
                let complaints = meta::name::label_value(value);
                if !complaints.is_empty() {
                    operator.invalid_as(value, &complaints.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                operator.invalid_as(value, "value must be empty when `operator` is 'Exists'");
            }
            "Exists" => {}
            _ => operator.not_supported(&["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            effect.any_of(TAINT_EFFECTS);
        }
    }
}

/// How evenly pods are spread.
pub fn topology_spread(constraints: &Field) {
    let pairs: Vec<(&str, &str)> = constraints
        .items()
        .map(|each| (each.text_of("topologyKey"), each.text_of("whenUnsatisfiable")))
        .collect();
    for (index, constraint) in constraints.items().enumerate() {
        let skew = constraint.child("maxSkew");
        if skew.number() <= 0 {
            skew.invalid_as(skew.number(), "must be greater than zero");
        }
        topology_key(&constraint.child("topologyKey"));
        let action = constraint.child("whenUnsatisfiable");
        action.any_of(&["DoNotSchedule", "ScheduleAnyway"]);
        let (key, when) = pairs[index];
        if pairs[index + 1..].contains(&(key, when)) {
            constraint
                .child("{topologyKey, whenUnsatisfiable}")
                .duplicate_as(format!("{{{key}, {when}}}"));
        }
        let min_domains = constraint.child("minDomains");
        if let Some(domains) = min_domains.int() {
            if domains <= 0 {
                min_domains.invalid("must be greater than zero");
            }
            if when != "DoNotSchedule" {
                min_domains.invalid(&format!(
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}"
                ));
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            constraint.child(policy).any_of_if_set(&["Honor", "Ignore"]);
        }
        let selector = constraint.child("labelSelector");
        match_label_keys(&constraint.child("matchLabelKeys"), &selector);
        selector.label_selector();
    }
}

fn match_label_keys(keys: &Field, selector: &Field) {
    if keys.is_empty() {
        return;
    }
    if !selector.is_set() {
        return keys.forbidden("must not be specified when labelSelector is not set");
    }
    for key in keys.items() {
        key.qualified_name();
    }
}

/// The label of a node that names its place.
pub fn topology_key(key: &Field) {
    if key.is_empty() {
        key.required("can not be empty");
    } else {
        key.qualified_name();
    }
}

/// What keeps a pod from being scheduled.
pub fn gates(gates: &Field) {
    let mut seen = Seen::new();
    for gate in gates.items() {
        let name = gate.text_of("name");
        for complaint in meta::name::qualified_name(name) {
            gate.invalid_as(name, &complaint);
        }
        if seen.again(name) {
            gate.duplicate_as(name);
        }
    }
}

/// Conditions without which a pod is not ready.
pub fn readiness_gates(gates: &Field) {
    for gate in gates.items() {
        gate.child("conditionType").qualified_name();
    }
}
