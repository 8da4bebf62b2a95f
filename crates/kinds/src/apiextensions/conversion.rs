//! Conversion between versions. Upstream names the webhook's parts as it holds them, not as they stand in the definition.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::admissionregistration::webhook;
use crate::certificates::pem::authorities_complaint;
use crate::toolkit::columns::list;
use crate::toolkit::{Field, Seen};

/// The forms of reviews that are known here.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];

/// `recognized`: at least one form of reviews must be known. `may_distrust`: the webhook's certificates may be none.
pub fn rules(conversion: &Field, recognized: bool, may_distrust: bool) {
    if !conversion.is_set() {
        return;
    }
    let strategy = conversion.child("strategy");
    match strategy.text() {
        "None" | "Webhook" => {}
        "" => strategy.required(""),
        _ => strategy.not_supported(&["None", "Webhook"]),
    }
    let webhook = conversion
        .value()
        .and_then(|conversion| conversion.get("webhook"));
    let part = |name: &str| webhook.and_then(|webhook| webhook.get(name));
    let client = conversion.standing_for("webhookClientConfig", part("clientConfig"));
    let versions = conversion.standing_for("conversionReviewVersions", part("conversionReviewVersions"));
    if strategy.text() == "Webhook" {
        self::client(&client);
        let bundle = client.child("caBundle");
        if let Some(complaint) = bundle_complaint(bundle.text()).filter(|_| !may_distrust) {
            bundle.invalid(&complaint);
        }
        review_versions(&versions, recognized);
        return;
    }
    for (part, is_there) in [(&client, client.is_set()), (&versions, !versions.is_empty())] {
        if is_there {
            part.forbidden("should not be set when strategy is not set to Webhook");
        }
    }
}

fn client(client: &Field) {
    if !client.is_set() {
        return client.required("required when strategy is set to Webhook");
    }
    let (url, service) = (client.child("url"), client.child("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => webhook::url(&url),
        (false, true) => webhook::service(&service),
        _ => client.required("exactly one of url or service is required"),
    }
}

fn bundle_complaint(bundle: &str) -> Option<String> {
    let bytes = STANDARD.decode(bundle).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    (!bundle.is_empty())
        .then(|| authorities_complaint(&text))
        .flatten()
}

/// Whether a definition has certificates that are none.
pub fn has_bad_bundle(definition: &Value) -> bool {
    let client = &definition["spec"]["conversion"]["webhook"]["clientConfig"];
    bundle_complaint(client["caBundle"].as_str().unwrap_or("")).is_some()
}

fn review_versions(versions: &Field, recognized: bool) {
    if versions.is_empty() {
        return versions.required("");
    }
    let mut seen = Seen::new();
    for version in versions.items() {
        if seen.again(version.text()) {
            version.invalid("duplicate version");
        } else {
            version.complain(meta::name::dns1035_label(version.text()));
        }
    }
    if recognized && !versions.texts().any(|version| REVIEWS.contains(&version)) {
        versions.invalid(&format!("must include at least one of {}", REVIEWS.join(", ")));
    }
}

/// Whether a definition names a form of reviews that is known, or none.
pub fn has_recognized_versions(definition: &Value) -> bool {
    let versions = list(
        definition,
        &["spec", "conversion", "webhook", "conversionReviewVersions"],
    );
    let is_known = |version: &Value| version.as_str().is_some_and(|version| REVIEWS.contains(&version));
    versions.is_empty() || versions.iter().any(is_known)
}
