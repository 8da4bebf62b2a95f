//! Custom resource definitions.

use meta::ErrorList;
use resource::{DefaultPropagation, MetadataChecks, Strategy};
use serde_json::{Value, json};

use super::schema_rules::Leniency;
use super::shared::Shared;
use super::{conversion, deletion, names, schema_rules, stored, versions};
use crate::room::{room, status_apart};
use crate::toolkit::columns::list;
use crate::toolkit::defaults::{
    object_at, object_in, object_or_new, text as text_of, when_empty, when_missing,
};
use crate::toolkit::{Field, Report, same_field};

room! {
    /// A kind that users define.
    CustomResourceDefinition
}

const PROTECTED: &str = "api-approved.kubernetes.io";

impl Strategy for CustomResourceDefinition {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        if let Some(names) = object_or_new(spec, "names") {
            let kind = text_of(names, "kind").to_owned();
            if !kind.is_empty() {
                when_empty(names, "singular", kind.to_lowercase());
                when_empty(names, "listKind", format!("{kind}List"));
            }
        }
        if spec.get("conversion").is_none_or(Value::is_null) {
            spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
        }
        let conversion = object_in(spec, "conversion");
        // A webhook that says nothing is none.
        if let Some(conversion) = conversion {
            let says = |webhook: &Value| {
                let has = |field: &str| !webhook[field].is_null();
                !webhook.is_object() || has("clientConfig") || has("conversionReviewVersions")
            };
            if conversion.get("webhook").is_some_and(|webhook| !says(webhook)) {
                conversion.remove("webhook");
            }
        }
        let conversion = object_in(spec, "conversion");
        let webhook = conversion.and_then(|conversion| object_in(conversion, "webhook"));
        let client = webhook.and_then(|webhook| object_in(webhook, "clientConfig"));
        if let Some(service) = client.and_then(|client| object_in(client, "service")) {
            when_missing(service, "port", 443);
        }
        stored_at_least(object);
    }

    fn upgrade_stored(&self, object: &mut Value) {
        stored::upgrade(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({
            "acceptedNames": {"kind": "", "plural": ""},
            "conditions": null,
            "storedVersions": stored_versions(object, &[]),
        });
    }

    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn prepare_for_deletion(&self, object: &mut Value) {
        deletion::prepare(object);
    }

    fn default_propagation(&self) -> DefaultPropagation {
        // Its objects go with it; of others nobody asks.
        DefaultPropagation::Unsupported
    }

    fn compares_before_deletion(&self) -> bool {
        true
    }

    fn holds_deletion(&self, object: &Value) -> bool {
        object["metadata"]["deletionTimestamp"].is_null()
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        let stored = stored_versions(new, list(old, &["status", "storedVersions"]));
        new["status"]["storedVersions"] = stored;
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |definition| {
            spec_rules(definition, object, None);
            rest(definition, None);
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |definition| {
            spec_rules(definition, new, Some(old));
            let spec = definition.child("spec");
            let is_established = is_established(old);
            let (before, names) = (&old["spec"]["names"], spec.child("names"));
            if is_established {
                unchanged(&spec, &old["spec"], "scope");
                unchanged(&names, before, "kind");
            }
            unchanged(&spec, &old["spec"], "group");
            unchanged(&names, before, "plural");
            rest(definition, Some(old));
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |definition| {
            names::accepted(&definition.child("status").child("acceptedNames"));
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        schema_rules::format_warnings(new, old)
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn part_has_rows(&self, _subresource: &str) -> bool {
        false
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }
}

/// Where nothing is said of the versions that are stored, it is the one to store.
fn stored_at_least(definition: &mut Value) {
    if !list(definition, &["status", "storedVersions"]).is_empty() {
        return;
    }
    let stored = stored_versions(definition, &[]);
    if stored.as_array().is_some_and(|stored| !stored.is_empty())
        && let Some(status) = object_at(definition, &["status"])
    {
        status.insert("storedVersions".to_owned(), stored);
    }
}

/// Versions in which objects may lie in the store: all that ever were the one to store.
fn stored_versions(definition: &Value, so_far: &[Value]) -> Value {
    let mut stored = so_far.to_vec();
    let versions = list(definition, &["spec", "versions"]);
    let current = versions
        .iter()
        .find(|version| version["storage"] == Value::Bool(true));
    if let Some(version) = current.filter(|version| !stored.contains(&version["name"])) {
        stored.push(version["name"].clone());
    }
    stored.into()
}

fn is_established(definition: &Value) -> bool {
    list(definition, &["status", "conditions"])
        .iter()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

fn unchanged(place: &Field, before: &Value, field: &'static str) {
    let now = place.value().unwrap_or(&Value::Null);
    if !same_field(now, before, field) {
        let field = place.child(field);
        field.invalid_as(field.text(), "field is immutable");
    }
}

fn spec_rules<'v>(definition: &Field<'_, 'v>, object: &'v Value, old: Option<&Value>) {
    let spec = definition.child("spec");
    let (group, names) = (spec.child("group"), spec.child("names"));
    let metadata = definition.child("metadata");
    let name = metadata.child("name");
    let wanted = format!("{}.{}", names.text_of("plural"), group.text());
    if !name.is_empty() && name.text() != wanted && old.is_none() {
        name.invalid_as(name.text(), "must be spec.names.plural+\".\"+spec.group");
    }
    if group.is_empty() {
        group.required("");
    } else {
        let problems = meta::name::dns1123_subdomain(group.text());
        if !problems.is_empty() {
            group.invalid(&problems.join(","));
        } else if !group.text().contains('.') {
            group.invalid("should be a domain with at least one dot");
        }
    }
    scope(&spec.child("scope"));
    let shared = Shared::of(object);
    let leniency = old.map_or_else(Leniency::none, |old| Leniency::of(old, &shared));
    versions::each(&spec, &shared, &leniency);
    names::wanted(&names);
    versions::together(&spec, &shared, &leniency);
    let recognized = old.is_none_or(conversion::has_recognized_versions);
    let way = spec.child("conversion");
    let strategy = way.text_of("strategy");
    if shared.keeps_unknown() && strategy != "None" {
        way.child("strategy")
            .invalid("must be None if spec.preserveUnknownFields is true");
    }
    let may_distrust = old.is_none_or(|old| !is_established(old) || conversion::has_bad_bundle(old));
    conversion::rules(&way, recognized, may_distrust);
}

/// What is asked after the specification, and what of it stays.
fn rest(definition: &Field, old: Option<&Value>) {
    names::accepted(&definition.child("status").child("acceptedNames"));
    versions::stored(definition);
    let spec = definition.child("spec");
    approval(definition, spec.text_of("group"), old);
    preserving(definition, old);
}

fn scope(scope: &Field) {
    match scope.text() {
        "Cluster" | "Namespaced" => {}
        "" => scope.required(""),
        _ => scope.not_supported(&["Cluster", "Namespaced"]),
    }
}

/// What is wrong with the consent that groups of the project itself need.
fn approval_problem(approval: &str) -> Option<String> {
    const RULE: &str = "protected groups must have approval annotation \"api-approved.kubernetes.io\"";
    const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
    let is_url = || {
        let host = approval
            .split_once("://")
            .map(|(_, rest)| rest.split('/').next().unwrap_or(""));
        host.is_some_and(|host| !host.is_empty())
    };
    match approval {
        "" => Some(format!("{RULE}, {SEE}")),
        _ if approval.starts_with("unapproved") || is_url() => None,
        _ => Some(format!(
            "{RULE} with either a URL or a reason starting with \"unapproved\", {SEE}"
        )),
    }
}

fn approval(definition: &Field, group: &str, old: Option<&Value>) {
    let is_protected = |group: &str| {
        [".k8s.io", ".kubernetes.io"]
            .iter()
            .any(|end| group.ends_with(end))
            || matches!(group, "k8s.io" | "kubernetes.io")
    };
    if !is_protected(group) {
        return;
    }
    let metadata = definition.child("metadata");
    let annotations = metadata.child("annotations");
    let place = annotations.key(PROTECTED);
    let before = old.map(|old| old["metadata"]["annotations"][PROTECTED].as_str().unwrap_or(""));
    let Some(problem) = approval_problem(place.text()) else {
        return;
    };
    // What was no consent before may stay none.
    if before.is_some_and(|before| approval_problem(before).as_ref() == Some(&problem)) {
        return;
    }
    if place.is_empty() {
        place.required(&problem);
    } else {
        place.invalid(&problem);
    }
}

/// Definitions of old could keep all unknown fields.
fn preserving(definition: &Field, old: Option<&Value>) {
    let spec = definition.child("spec");
    let keeps = spec.child("preserveUnknownFields");
    let kept = old.is_some_and(|old| old["spec"]["preserveUnknownFields"] == Value::Bool(true));
    if keeps.is_true() && !kept {
        keeps.invalid("cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
    }
}

#[cfg(test)]
mod tests;
