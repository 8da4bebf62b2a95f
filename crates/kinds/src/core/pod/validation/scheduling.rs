//! Rules for tolerations, gates and readiness.

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
            "Lt" | "Gt" => operator.not_supported(&["Equal", "Exists", "Lt", "Gt"]),
            _ => operator.not_supported(&["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            effect.any_of(TAINT_EFFECTS);
        }
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
