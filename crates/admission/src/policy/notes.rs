//! What policies have written about a request.

use std::collections::BTreeMap;

use registry::AdmissionRequest;
use serde_json::json;

use super::binding::Binding;
use crate::notes::{for_pages, note};

const FAILURE: &str = "validation.policy.admission.k8s.io/validation_failure";

/// Bytes of a text at most.
const MAX_BYTES: usize = 10 * 1024;

/// What a policy wants written under its bindings: each text once.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeMap<String, Vec<String>>);

impl Notes {
    pub(super) fn extend(&mut self, annotations: Vec<(String, String)>) {
        for (key, mut text) in annotations {
            text.truncate(text.floor_char_boundary(MAX_BYTES));
            let texts = self.0.entry(key).or_default();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }

    pub(super) fn write(self, policy: &str, request: &AdmissionRequest<'_>) {
        for (key, texts) in self.0 {
            note(request, policy, &key, || texts.join(", "));
        }
    }
}

/// Writes that a validation failed.
pub(super) fn note_failure(
    policy: &str,
    binding: &Binding,
    place: usize,
    why: &str,
    request: &AdmissionRequest<'_>,
) {
    let [message, policy, name] = [why, policy, &binding.name].map(|text| json!(text));
    let actions = json!(binding.given_actions);
    request.context.audit.note(FAILURE, || {
        let json = format!(
            r#"[{{"message":{message},"policy":{policy},"binding":{name},"expressionIndex":{place},"validationActions":{actions}}}]"#
        );
        for_pages(&json)
    });
}
