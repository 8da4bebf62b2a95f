//! Definitions as upstream stores them, in v1beta1: what all versions have in common stands beside them, not in each.

use serde_json::{Map, Value};

/// What each version may have, and where it stands for all of them.
const OF_VERSIONS: [(&str, &str); 4] = [
    ("validation", "schema"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
    ("selectableFields", "selectableFields"),
];

/// Turns a definition in v1beta1 into one in v1.
pub fn upgrade(definition: &mut Value) {
    let Some(spec) = definition.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    ensure_versions(spec);
    let common: Vec<(&str, Value)> = OF_VERSIONS
        .iter()
        .filter_map(|(beside, within)| Some((*within, spec.remove(*beside)?)))
        .collect();
    let versions = spec.get_mut("versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten().filter_map(Value::as_object_mut) {
        for (field, value) in &common {
            if version.get(*field).is_none_or(Value::is_null) {
                version.insert((*field).to_owned(), value.clone());
            }
        }
        rename_paths(version);
    }
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) {
        gather_webhook(conversion);
    }
    keep_unknown(spec);
}

/// Nothing said of unknown fields meant in v1beta1 that they are kept; in v1 it means that they are not.
fn keep_unknown(spec: &mut Map<String, Value>) {
    let keeps = spec.get("preserveUnknownFields").and_then(Value::as_bool);
    match keeps.unwrap_or(true) {
        true => spec.insert("preserveUnknownFields".to_owned(), true.into()),
        false => spec.remove("preserveUnknownFields"),
    };
}

/// The oldest definitions have one version, and say only its name.
fn ensure_versions(spec: &mut Map<String, Value>) {
    let only = spec.remove("version");
    let has_none = spec
        .get("versions")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty);
    if let Some(name) = only.filter(|_| has_none) {
        let version = serde_json::json!([{"name": name, "served": true, "storage": true}]);
        spec.insert("versions".to_owned(), version);
    }
}

fn rename_paths(version: &mut Map<String, Value>) {
    let columns = version
        .get_mut("additionalPrinterColumns")
        .and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(path) = column.remove("JSONPath") {
            column.insert("jsonPath".to_owned(), path);
        }
    }
}

fn gather_webhook(conversion: &mut Map<String, Value>) {
    let mut webhook = Map::new();
    let fields = [
        ("webhookClientConfig", "clientConfig"),
        ("conversionReviewVersions", "conversionReviewVersions"),
    ];
    for (before, now) in fields {
        if let Some(value) = conversion.remove(before).filter(|value| !value.is_null()) {
            webhook.insert(now.to_owned(), value);
        }
    }
    if webhook.contains_key("clientConfig") {
        conversion.insert("webhook".to_owned(), webhook.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_versions_share_is_given_to_each() {
        let mut definition = json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "spec": {
            "group": "example.com", "version": "v1", "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true}],
            "validation": {"openAPIV3Schema": {"type": "object"}},
            "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "Age", "type": "date", "JSONPath": ".metadata.creationTimestamp"}],
            "conversion": {
                "strategy": "Webhook", "conversionReviewVersions": ["v1"], "webhookClientConfig": {"url": "https://a"},
            },
            "preserveUnknownFields": false,
        }});
        upgrade(&mut definition);
        assert_eq!(
            definition["spec"],
            json!({
                "group": "example.com", "scope": "Namespaced",
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                }],
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://a"}},
                },
            })
        );
    }

    #[test]
    fn versions_keep_what_they_have_of_their_own() {
        let mut definition = json!({"spec": {
            "versions": [{"name": "v1", "schema": {"a": 1}}, {"name": "v2", "schema": {"b": 1}}],
            "conversion": {"strategy": "None"}, "preserveUnknownFields": true,
        }});
        let before = definition.clone();
        upgrade(&mut definition);
        assert_eq!(definition, before);
        let mut old = json!({"spec": {"version": "v1"}});
        upgrade(&mut old);
        assert_eq!(
            old["spec"],
            json!({"versions": [{"name": "v1", "served": true, "storage": true}], "preserveUnknownFields": true})
        );
    }
}
