//! Custom resource definitions. Their schemas are judged where they are put to use.

use meta::ErrorList;
use resource::Strategy;
use serde_json::{Value, json};

use super::stored;
use crate::room::{room, status_apart};
use crate::toolkit::columns::list;
use crate::toolkit::defaults::{
    object_at, object_in, object_or_new, text as text_of, when_empty, when_missing,
};
use crate::toolkit::{Field, Report, Seen, same_field};

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
        if let Some(conversion) = object_or_new(spec, "conversion") {
            when_empty(conversion, "strategy", "None");
            let webhook = object_in(conversion, "webhook");
            let client = webhook.and_then(|webhook| object_in(webhook, "clientConfig"));
            if let Some(service) = client.and_then(|client| object_in(client, "service")) {
                when_missing(service, "port", 443);
            }
        }
    }

    fn upgrade_stored(&self, object: &mut Value) {
        stored::upgrade(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"storedVersions": stored_versions(object, &[])});
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        let stored = stored_versions(new, list(old, &["status", "storedVersions"]));
        new["status"]["storedVersions"] = stored;
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |definition| {
            rules(definition);
            let spec = definition.child("spec");
            let established = list(old, &["status", "conditions"])
                .iter()
                .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
            for field in ["group", "scope"] {
                if established || field == "group" {
                    spec.child(field).immutable(old["spec"].get(field));
                }
            }
            let names = spec.child("names");
            for field in ["plural", "kind"] {
                if established && !same_field(&new["spec"]["names"], &old["spec"]["names"], field) {
                    names.child(field).invalid("field is immutable");
                }
            }
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |definition| {
            let (spec, status) = (definition.child("spec"), definition.child("status"));
            let stored = status.child("storedVersions");
            if stored.is_empty() {
                stored.invalid_printed("[]", "must have at least one stored version");
            }
            for version in stored.items() {
                let known = spec
                    .child("versions")
                    .items()
                    .any(|each| each.text_of("name") == version.text());
                if !known {
                    version.invalid("must appear in spec.versions");
                }
            }
        })
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }
}

/// Versions in which objects may lie in the store: all that ever were the one to store.
fn stored_versions(definition: &Value, so_far: &[Value]) -> Value {
    let mut stored = so_far.to_vec();
    for version in list(definition, &["spec", "versions"]) {
        let is_new = version["storage"] == Value::Bool(true) && !stored.contains(&version["name"]);
        if is_new {
            stored.push(version["name"].clone());
        }
    }
    stored.into()
}

fn rules(definition: &Field) {
    let spec = definition.child("spec");
    let (group, names) = (spec.child("group"), spec.child("names"));
    let metadata = definition.child("metadata");
    let name = metadata.child("name");
    let wanted = format!("{}.{}", names.text_of("plural"), group.text());
    if name.text() != wanted {
        name.invalid_as(name.text(), "must be spec.names.plural+\".\"+spec.group");
    }
    approval(definition, group.text());
    if group.is_empty() {
        group.required("");
    } else {
        group.dns_subdomain();
        if !group.text().contains('.') {
            group.invalid("should be a domain with at least one dot");
        }
    }
    spec.child("scope").one_of(&["Cluster", "Namespaced"]);
    versions(&spec.child("versions"));
    self::names(&names);
    conversion(&spec.child("conversion"));
}

/// Groups of the project itself need its consent.
fn approval(definition: &Field, group: &str) {
    if !group.ends_with(".k8s.io") && !group.ends_with(".kubernetes.io") {
        return;
    }
    let metadata = definition.child("metadata");
    let annotations = metadata.child("annotations");
    let place = annotations.key(PROTECTED);
    if place.is_empty() {
        place.required("protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111");
    } else if !place.text().starts_with("https://") && !place.text().starts_with("unapproved") {
        place.invalid("protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111");
    }
}

fn versions(versions: &Field) {
    if versions.is_empty() {
        return versions.required("must have at least one version");
    }
    let mut seen = Seen::new();
    let mut stored = 0;
    let mut has_duplicates = false;
    for version in versions.items() {
        let name = version.child("name");
        name.complain(meta::name::dns1035_label(name.text()));
        has_duplicates |= seen.again(name.text());
        stored += usize::from(version.child("storage").is_true());
        let schema = version.child("schema");
        let schema = schema.child("openAPIV3Schema");
        if !schema.is_set() {
            schema.required("schemas are required");
        }
    }
    if has_duplicates {
        versions.invalid("must contain unique version names");
    }
    if stored != 1 {
        versions.invalid("must have exactly one version marked as storage version");
    }
}

fn names(names: &Field) {
    for field in ["plural", "singular"] {
        let name = names.child(field);
        if name.is_empty() {
            if field == "plural" {
                name.required("");
            }
        } else {
            name.complain(meta::name::dns1035_label(name.text()));
        }
    }
    for list in ["shortNames", "categories"] {
        for name in names.child(list).items() {
            name.complain(meta::name::dns1035_label(name.text()));
        }
    }
    for field in ["kind", "listKind"] {
        let kind = names.child(field);
        if kind.is_empty() {
            kind.required("");
            continue;
        }
        for complaint in meta::name::dns1035_label(&kind.text().to_lowercase()) {
            kind.invalid(&format!(
                "may have mixed case, but should otherwise match: {complaint}"
            ));
        }
    }
    let (kind, list) = (names.child("kind"), names.child("listKind"));
    if !kind.is_empty() && kind.text() == list.text() {
        list.invalid("kind and listKind may not be the same");
    }
}

fn conversion(conversion: &Field) {
    let webhook = conversion.child("webhook");
    match conversion.text_of("strategy") {
        "None" => {
            if webhook.is_set() {
                webhook.forbidden("should not be set when strategy is not set to Webhook");
            }
        }
        "Webhook" => {
            let client = webhook.child("clientConfig");
            if !client.is_set() {
                return client.required("required when strategy is set to Webhook");
            }
            if client.child("url").is_set() == client.child("service").is_set() {
                client.required("exactly one of url or service is required");
            }
            let versions = webhook.child("conversionReviewVersions");
            if versions.is_empty() {
                versions.required("");
            } else if !versions
                .texts()
                .any(|version| matches!(version, "v1" | "v1beta1"))
            {
                versions.invalid("must include at least one of v1, v1beta1");
            }
        }
        "" => conversion.child("strategy").required(""),
        _ => conversion.child("strategy").not_supported(&["None", "Webhook"]),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted, room};
    use serde_json::{Value, json};

    const GROUP: &str = "apiextensions.k8s.io";

    fn definition() -> Value {
        json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
        })
    }

    #[test]
    fn names_follow_from_the_kind() {
        let mut object = defaulted(GROUP, "customresourcedefinitions", definition());
        assert_eq!(object["spec"]["names"]["singular"], "widget");
        assert_eq!(object["spec"]["names"]["listKind"], "WidgetList");
        assert_eq!(object["spec"]["conversion"], json!({"strategy": "None"}));
        room(GROUP, "customresourcedefinitions").prepare_for_create(&mut object);
        assert_eq!(object["status"], json!({"storedVersions": ["v1"]}));
    }

    #[test]
    fn wrong_definitions_are_refused() {
        let errors = |pointer: &str, value: Value| {
            let mut definition = definition();
            *definition.pointer_mut(pointer).expect("a place") = value;
            create_errors(GROUP, "customresourcedefinitions", definition)
        };
        assert!(errors("/spec/scope", json!("Cluster")).is_empty());
        assert_eq!(
            errors("/spec/scope", json!("Galaxy")),
            [r#"spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced""#,]
        );
        assert_eq!(
            errors("/metadata/name", json!("x")),
            [r#"metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group"#,]
        );
        assert_eq!(
            errors("/spec/versions/0/schema", json!({})),
            ["spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",]
        );
    }
}
