//! What must come true before a pod is bound to its devices.

use crate::toolkit::{Field, Seen};

const MOST: usize = 4;

/// Conditions that let pods be bound, and those that stop it: names, each once, both or none.
pub fn rules(device: &Field) {
    let (wanted, unwanted) = (
        device.child("bindingConditions"),
        device.child("bindingFailureConditions"),
    );
    names(&wanted);
    names(&unwanted);
    wanted.each_once();
    let mut seen = Seen::new();
    for condition in unwanted.items() {
        if seen.again(condition.text()) {
            condition.duplicate();
        }
        if wanted.items().any(|other| other.text() == condition.text()) {
            condition.invalid("bindingFailureConditions must not overlap with bindingConditions");
        }
    }
    if wanted.is_empty() && !unwanted.is_empty() {
        wanted.invalid("bindingConditions are required to use bindingFailureConditions");
    }
    if unwanted.is_empty() && !wanted.is_empty() {
        unwanted.invalid("bindingFailureConditions are required to use bindingConditions");
    }
}

fn names(conditions: &Field) {
    if conditions.len() > MOST {
        return conditions.too_many(MOST);
    }
    for condition in conditions.items() {
        condition.qualified_name();
    }
}
