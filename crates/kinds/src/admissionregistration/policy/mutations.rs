//! What is wrong with what a policy changes.

use super::common::uses;
use crate::admissionregistration::expressions::{Expressions, Gives, Uses, Variables};
use crate::toolkit::Field;

const KINDS: [&str; 2] = ["ApplyConfiguration", "JSONPatch"];

pub(super) fn rules(spec: &Field, variables: &Variables) {
    let changes = Uses {
        changes: true,
        ..uses(spec)
    };
    let changes = variables.with(&Expressions::new(changes));
    let mutations = spec.child("mutations");
    if mutations.is_empty() {
        mutations.required("mutations must contain at least one item");
    }
    for mutation in mutations.items() {
        let kind = mutation.child("patchType");
        let (apply, patch) = (mutation.child("applyConfiguration"), mutation.child("jsonPatch"));
        match kind.text() {
            "ApplyConfiguration" => only(&apply, &patch, kind.text(), |given| {
                change(given, &changes, Gives::Object);
            }),
            "JSONPatch" => only(&patch, &apply, kind.text(), |given| {
                change(given, &changes, Gives::Patches);
            }),
            "" => kind.required(""),
            _ => kind.not_supported(&KINDS),
        }
    }
    spec.child("reinvocationPolicy").one_of(&["IfNeeded", "Never"]);
}

/// One of two fields must be there, and the other not.
fn only(given: &Field, other: &Field, kind: &str, rules: impl FnOnce(&Field)) {
    if given.is_set() {
        rules(given);
    } else {
        given.required(&format!("must be specified when patchType is {kind}"));
    }
    if other.is_set() {
        let name = other.name().unwrap_or("");
        other.invalid_as(
            format!("{{{name}}}"),
            &format!("must not be specified when patchType is {kind}"),
        );
    }
}

fn change(holder: &Field, expressions: &Expressions, gives: Gives) {
    let expression = holder.child("expression");
    let trimmed = expression.text().trim();
    if trimmed.is_empty() {
        expression.required("");
    } else if let Err(why) = expressions.compile(trimmed, gives) {
        why.tell(&expression, trimmed);
    }
}
