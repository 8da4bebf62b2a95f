//! Rules for conditions in the API's own form.

use super::checks::Seen;
use super::field::Field;

const MAX_REASON: usize = 1024;
const MAX_MESSAGE: usize = 32_768;

/// A list of conditions.
pub fn rules(conditions: &Field) {
    let mut kinds = Seen::new();
    for condition in conditions.items() {
        let kind = condition.child("type");
        if kinds.again(kind.text()) {
            kind.duplicate();
        }
        kind.qualified_name();
        condition.child("status").any_of(&["False", "True", "Unknown"]);
        let generation = condition.child("observedGeneration");
        if generation.number() < 0 {
            generation.invalid("must be greater than or equal to zero");
        }
        let time = condition.child("lastTransitionTime");
        if !time.is_set() {
            time.required("");
        }
        let reason = condition.child("reason");
        reason.needed();
        if !reason.is_empty() {
            self::reason(&reason);
        }
        let message = condition.child("message");
        if message.text().len() > MAX_MESSAGE {
            message.too_long(MAX_MESSAGE);
        }
    }
}

/// A word such as `MinimumReplicasAvailable`.
fn reason(reason: &Field) {
    let text = reason.text();
    if text.len() > MAX_REASON {
        reason.too_long(MAX_REASON);
    }
    let bytes = text.as_bytes();
    let is_word = bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes
            .last()
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b':'));
    if !is_word {
        reason.invalid(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
        );
    }
}
