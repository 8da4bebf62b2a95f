//! What is wrong with webhooks.

use meta::name;
use serde_json::Value;

use super::{service, url};
use crate::admissionregistration::expressions::Uses;
use crate::admissionregistration::rules;
use crate::toolkit::{Field, Report, Seen, same_field};

const REVIEWS: [&str; 2] = ["v1", "v1beta1"];
/// What webhooks may do besides answering.
const EFFECTS: [&str; 4] = ["None", "NoneOnDryRun", "Some", "Unknown"];
/// What new ones may.
const NO_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];

/// What a configuration may still say because it did so before.
#[derive(Debug, Default)]
pub(super) struct Leniency {
    keeps_conditions: bool,
    may_have_effects: bool,
    may_have_unknown_reviews: bool,
    may_have_same_names: bool,
    may_select_odd_values: bool,
}

impl Leniency {
    pub(super) fn of(new: &Value, old: &Value) -> Self {
        let (new, old) = (webhooks(new), webhooks(old));
        let mut names = Seen::new();
        let text = |webhook: &Value, field: &str| webhook[field].as_str().unwrap_or("").to_owned();
        Self {
            keeps_conditions: new.len() == old.len()
                && new
                    .iter()
                    .zip(old)
                    .all(|(new, old)| same_field(new, old, "matchConditions")),
            may_have_effects: old
                .iter()
                .any(|webhook| !NO_EFFECTS.contains(&text(webhook, "sideEffects").as_str())),
            may_have_unknown_reviews: old.iter().any(has_unknown_reviews),
            may_have_same_names: old.iter().any(|webhook| names.again(text(webhook, "name"))),
            may_select_odd_values: old.iter().any(selects_odd_values),
        }
    }
}

fn webhooks(configuration: &Value) -> &[Value] {
    configuration["webhooks"].as_array().map_or(&[], Vec::as_slice)
}

fn has_unknown_reviews(webhook: &Value) -> bool {
    let versions = webhook["admissionReviewVersions"].as_array();
    let is_known = |version: &Value| REVIEWS.iter().any(|known| version == known);
    versions.is_some_and(|versions| !versions.is_empty() && !versions.iter().any(is_known))
}

fn selects_odd_values(webhook: &Value) -> bool {
    let report = Report::default();
    let root = Field::root(&report, webhook);
    root.child("namespaceSelector").label_selector();
    root.child("objectSelector").label_selector();
    report.count() > 0
}

pub(super) fn configuration(configuration: &Field, mutates: bool, leniency: &Leniency) {
    let mut names = Seen::new();
    for webhook in configuration.child("webhooks").items() {
        self::webhook(&webhook, mutates, leniency);
        review_versions(&webhook.child("admissionReviewVersions"), leniency);
        let name = webhook.child("name");
        if !leniency.may_have_same_names && !name.is_empty() && names.again(name.text()) {
            name.duplicate();
        }
    }
}

fn webhook(webhook: &Field, mutates: bool, leniency: &Leniency) {
    name(&webhook.child("name"));
    for rule in webhook.child("rules").items() {
        rules::rule(&rule);
    }
    webhook.child("failurePolicy").any_of_if_set(&["Fail", "Ignore"]);
    webhook
        .child("matchPolicy")
        .any_of_if_set(&["Equivalent", "Exact"]);
    side_effects(&webhook.child("sideEffects"), leniency);
    let timeout = webhook.child("timeoutSeconds");
    if timeout.is_set() && !(1..=30).contains(&timeout.number()) {
        timeout.invalid("the timeout value must be between 1 and 30 seconds");
    }
    for selector in ["namespaceSelector", "objectSelector"] {
        let selector = webhook.child(selector);
        if leniency.may_select_odd_values {
            selector.loose_label_selector();
        } else {
            selector.label_selector();
        }
    }
    if mutates {
        webhook
            .child("reinvocationPolicy")
            .any_of_if_set(&["IfNeeded", "Never"]);
    }
    client(&webhook.child("clientConfig"));
    if !leniency.keeps_conditions {
        let uses = Uses {
            authorizer: true,
            ..Uses::default()
        };
        rules::match_conditions(&webhook.child("matchConditions"), uses);
    }
}

fn name(field: &Field) {
    let problems = name::dns1123_subdomain(field.text());
    if field.is_empty() {
        field.required("");
    } else if !problems.is_empty() {
        field.invalid(&problems.join(","));
    } else if field.text().split('.').count() < 3 {
        field.invalid("should be a domain with at least three segments separated by dots");
    }
}

fn side_effects(effects: &Field, leniency: &Leniency) {
    let allowed: &[&str] = if leniency.may_have_effects {
        &EFFECTS
    } else {
        &NO_EFFECTS
    };
    if effects.is_set() {
        effects.any_of(allowed);
    } else {
        effects.required(&format!("must specify one of {}", allowed.join(", ")));
    }
}

fn client(client: &Field) {
    let (url, service) = (client.child("url"), client.child("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => url::rules(&url),
        (false, true) => service::rules(&service),
        _ => client.required("exactly one of url or service is required"),
    }
}

fn review_versions(versions: &Field, leniency: &Leniency) {
    let known = REVIEWS.join(", ");
    if versions.is_empty() {
        return versions.required(&format!("must specify one of {known}"));
    }
    let mut seen = Seen::new();
    let mut is_known = false;
    for version in versions.items() {
        if seen.again(version.text()) {
            version.invalid_as(version.text(), "duplicate version");
            continue;
        }
        version.complain(name::dns1035_label(version.text()));
        is_known |= REVIEWS.contains(&version.text());
    }
    if !is_known && !leniency.may_have_unknown_reviews {
        versions.invalid(&format!("must include at least one of {known}"));
    }
}
