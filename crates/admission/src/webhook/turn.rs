//! When a webhook is asked, and what is written about that.

use std::collections::BTreeMap;

use registry::AdmissionRequest;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::configuration::Webhook;
use crate::notes::for_pages;

const MUTATION: &str = "mutation.webhook.admission.k8s.io/";
const PATCH: &str = "patch.webhook.admission.k8s.io/";
/// What the key begins with that tells of a webhook that was not asked.
pub(super) const FAILED_OPEN: &str = "failed-open.mutation.webhook.admission.k8s.io/";

/// The place of a webhook in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    round: u8,
    place: usize,
}

impl Turn {
    pub(super) fn new(is_second: bool, place: usize) -> Self {
        Self {
            round: is_second.into(),
            place,
        }
    }

    /// The key of a note about it.
    pub(super) fn key(self, prefix: &str) -> String {
        format!("{prefix}round_{}_index_{}", self.round, self.place)
    }

    /// Writes whether it has changed anything.
    pub(super) fn note(self, webhook: &Webhook, request: &AdmissionRequest<'_>, changed: bool) {
        let audit = &request.context.audit;
        if audit.is_on() {
            let [configuration, name] = names(webhook);
            audit.note(self.key(MUTATION), || {
                format!(r#"{{"configuration":{configuration},"webhook":{name},"mutated":{changed}}}"#)
            });
        }
    }

    /// Writes what it has changed.
    pub(super) fn note_patch(self, webhook: &Webhook, request: &AdmissionRequest<'_>, patch: &[u8]) {
        let text = || {
            let [configuration, name] = names(webhook);
            let patch: Vec<BTreeMap<String, &RawValue>> = serde_json::from_slice(patch).unwrap_or_default();
            let patch = serde_json::to_string(&patch).unwrap_or_default();
            let json = format!(
                r#"{{"configuration":{configuration},"webhook":{name},"patch":{patch},"patchType":"JSONPatch"}}"#
            );
            for_pages(&json)
        };
        request.context.audit.note_of_objects(|| self.key(PATCH), text);
    }
}

fn names(webhook: &Webhook) -> [Value; 2] {
    [json!(webhook.configuration), json!(webhook.name)]
}
