//! What the template of a workload's pods must be like.

use serde_json::Value;

use super::{create, profiles, validation};
use crate::toolkit::Field;
use crate::toolkit::selectors::selects;

/// What is said where a workload does not find its pods.
pub const MISMATCH: &str = "`selector` does not match template `labels`";

/// The template of any workload.
pub fn rules(template: &Field) {
    let metadata = template.child("metadata");
    // Upstream's paths leave the metadata out.
    template
        .standing_for("labels", metadata.child("labels").value())
        .labels();
    let annotations = template.standing_for("annotations", metadata.child("annotations").value());
    annotations.annotations();
    create::special_annotations(&annotations, &template.child("spec"));
    let spec = template.child("spec");
    validation::spec(&spec, None);
    profiles::agree(&spec, &annotations);
    let ephemeral = spec.child("ephemeralContainers");
    if !ephemeral.is_empty() {
        ephemeral.forbidden("ephemeral containers not allowed in pod template");
    }
}

/// The template of a workload whose pods run for ever and are found by its selector, which is well formed.
pub fn of_lasting(template: &Field, selector: &Field, kind: &str) {
    selected(template, selector);
    rules(template);
    lasting(template, kind);
}

/// Pods of such a workload start again whenever they end.
pub fn lasting(template: &Field, kind: &str) {
    let spec = template.child("spec");
    let policy = spec.child("restartPolicy");
    if policy.text() != "Always" {
        policy.not_supported(&["Always"]);
    }
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.is_set() {
        deadline.forbidden(&format!("activeDeadlineSeconds in {kind} is not Supported"));
    }
}

/// A workload must find its own pods. Without a selector it finds none.
pub fn selected(template: &Field, selector: &Field) {
    let nothing = Value::Null;
    let metadata = template.child("metadata");
    let labels = metadata.child("labels");
    if !selects(
        selector.value().unwrap_or(&nothing),
        labels.value().unwrap_or(&nothing),
    ) {
        labels.invalid(MISMATCH);
    }
}

/// A label selector that must be there and select something. Gives back whether anything can be compared with it.
pub fn needed_selector(selector: &Field, kind: &str) -> bool {
    if !selector.is_set() {
        selector.required("");
        return true;
    }
    let is_well_formed = well_formed_selector(selector);
    something_selected(selector, kind);
    is_well_formed
}

/// Says what is wrong with a label selector, and whether anything can be compared with it.
pub fn well_formed_selector(selector: &Field) -> bool {
    let before = selector.report().count();
    selector.label_selector();
    selector.report().count() == before
}

/// A selector that is there must not select everything.
pub fn something_selected(selector: &Field, kind: &str) {
    let is_empty = selector.child("matchLabels").is_empty() && selector.child("matchExpressions").is_empty();
    if selector.is_set() && is_empty {
        selector.invalid(&format!("empty selector is invalid for {kind}"));
    }
}
