//! What is wrong with what is known of a policy.

use crate::toolkit::{Field, conditions};

pub(super) fn rules(status: &Field) {
    let checking = status.child("typeChecking");
    for warning in checking.child("expressionWarnings").items() {
        warning.child("warning").needed();
        let field = warning.child("fieldRef");
        if field.text().trim().is_empty() {
            field.required("");
        }
    }
    conditions::rules(&status.child("conditions"));
}
