//! Taints of devices, and who tolerates them.

use crate::toolkit::Field;

const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "None"];

/// A taint.
pub fn taint(taint: &Field) {
    taint.child("key").qualified_name();
    let value = taint.child("value");
    if !value.is_empty() {
        value.label_value();
    }
    taint.child("effect").one_of(EFFECTS);
}

/// What is tolerated.
pub fn toleration(toleration: &Field) {
    let (key, operator, value, effect) = (
        toleration.child("key"),
        toleration.child("operator"),
        toleration.child("value"),
        toleration.child("effect"),
    );
    if !key.is_empty() {
        key.qualified_name();
    }
    match operator.text() {
        "Exists" if !value.is_empty() => value.invalid("must be empty for operator `Exists`"),
        "Exists" => {}
        "Equal" => value.label_value(),
        _ => operator.one_of(&["Equal", "Exists"]),
    }
    if !effect.is_empty() {
        effect.any_of(EFFECTS);
    }
}
