//! The review of a request: what a webhook is sent (`AdmissionReview` of `admission.k8s.io`).

use registry::AdmissionRequest;
use serde_json::{Value, json};

use crate::hooks::{Matched, Shown, facts};

/// The group of reviews.
pub(super) const GROUP: &str = "admission.k8s.io";

/// The review of a request, as `version` has it.
pub(super) fn review(
    request: &AdmissionRequest<'_>,
    matched: &Matched,
    shown: Shown,
    uid: &str,
    version: &str,
) -> Value {
    let mut asked = facts(request, matched);
    asked.insert("uid".to_owned(), uid.into());
    asked.insert("object".to_owned(), shown.object);
    asked.insert("oldObject".to_owned(), shown.old_object);
    json!({
        "kind": "AdmissionReview",
        "apiVersion": format!("{GROUP}/{version}"),
        "request": asked,
    })
}
