//! The document of a group version as it has always been, in the form in which all stand together.

use serde_json::{Map, Value, json};

/// A resource with what is below it.
struct Resource {
    name: String,
    scope: &'static str,
    item: Map<String, Value>,
    subresources: Vec<Value>,
}

/// The entry of a group version that nothing is known of.
pub(crate) fn stale(version: &str) -> Value {
    json!({"version": version, "freshness": "Stale"})
}

/// The entry of a group version in a document of all groups (`APIGroupDiscoveryList`); without resources if it is not in there.
pub(crate) fn of_list(list: &Value, group: &str, version: &str) -> Value {
    let all = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
    let groups = all(list, "items").into_iter();
    let versions = groups
        .filter(|found| found["metadata"]["name"].as_str().unwrap_or_default() == group)
        .flat_map(|found| all(&found, "versions"));
    let mut named = versions.filter(|found| found["version"] == version);
    let mut entry = json!({"version": version, "freshness": "Current"});
    if let Some(resources) = named
        .next()
        .and_then(|mut found| found.get_mut("resources").map(Value::take))
    {
        entry["resources"] = resources;
    }
    entry
}

/// The same of the group version's own document (`APIResourceList`).
pub(crate) fn of_resource_list(list: &Value, version: &str) -> Value {
    let named = list["resources"].as_array().into_iter().flatten();
    let named: Vec<(&str, &Value)> = named
        .filter_map(|found| Some((found["name"].as_str()?, found)))
        .collect();
    let mut resources: Vec<Resource> = Vec::new();
    for (name, found) in named.iter().filter(|(name, _)| !name.contains('/')) {
        resources.push(resource(name, found));
    }
    for (name, found) in &named {
        let Some((parent, name)) = name.split_once('/') else {
            continue;
        };
        let at = resources.iter().position(|resource| resource.name == parent);
        let at = at.unwrap_or_else(|| {
            resources.push(unknown(parent, scope(found)));
            resources.len() - 1
        });
        resources[at].subresources.push(subresource(name, found));
    }
    let resources: Vec<Value> = resources.into_iter().map(Resource::into_value).collect();
    json!({"version": version, "freshness": "Current", "resources": resources})
}

impl Resource {
    fn into_value(mut self) -> Value {
        self.item.insert("resource".to_owned(), self.name.into());
        self.item.insert("scope".to_owned(), self.scope.into());
        if !self.subresources.is_empty() {
            self.item
                .insert("subresources".to_owned(), self.subresources.into());
        }
        Value::Object(self.item)
    }
}

fn resource(name: &str, found: &Value) -> Resource {
    let mut item = Map::new();
    item.insert("responseKind".to_owned(), kind(found));
    item.insert("singularResource".to_owned(), found["singularName"].clone());
    item.insert("verbs".to_owned(), found["verbs"].clone());
    for field in ["shortNames", "categories"] {
        if let Some(texts) = found.get(field) {
            item.insert(field.to_owned(), texts.clone());
        }
    }
    Resource {
        name: name.to_owned(),
        scope: scope(found),
        item,
        subresources: Vec::new(),
    }
}

/// A resource of which only something below is told.
fn unknown(name: &str, scope: &'static str) -> Resource {
    let mut item = Map::new();
    item.insert("responseKind".to_owned(), kind(&Value::Null));
    item.insert("singularResource".to_owned(), "".into());
    item.insert("verbs".to_owned(), Value::Null);
    Resource {
        name: name.to_owned(),
        scope,
        item,
        subresources: Vec::new(),
    }
}

fn subresource(name: &str, found: &Value) -> Value {
    json!({"subresource": name, "responseKind": kind(found), "verbs": found["verbs"]})
}

fn scope(found: &Value) -> &'static str {
    if found["namespaced"] == true {
        "Namespaced"
    } else {
        "Cluster"
    }
}

fn kind(found: &Value) -> Value {
    let text = |field: &str| found[field].as_str().unwrap_or_default();
    json!({"group": text("group"), "version": text("version"), "kind": text("kind")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_version_is_found_in_the_document_of_all() {
        let list = json!({"items": [
            {"metadata": {"name": "b.example"}, "versions": [{"version": "v1", "resources": [{"resource": "no"}]}]},
            {"metadata": {"name": "a.example"}, "versions": [
                {"version": "v1", "resources": [{"resource": "things"}], "freshness": "Current"},
            ]},
        ]});
        let found = of_list(&list, "a.example", "v1");
        assert_eq!(found["resources"], json!([{"resource": "things"}]));
        assert_eq!(
            of_list(&list, "a.example", "v2"),
            json!({"version": "v2", "freshness": "Current"})
        );
    }

    #[test]
    fn the_old_document_is_put_into_the_new_form() {
        let list = json!({"resources": [
            {"name": "things", "singularName": "thing", "namespaced": true, "kind": "Thing", "verbs": ["get"],
             "shortNames": ["th"]},
            {"name": "things/status", "singularName": "", "namespaced": true, "kind": "Thing", "verbs": ["patch"]},
            {"name": "others/scale", "singularName": "", "namespaced": false, "kind": "Scale", "group": "autoscaling",
             "version": "v1", "verbs": ["get"]},
        ]});
        assert_eq!(
            of_resource_list(&list, "v1")["resources"],
            json!([
                {
                    "resource": "things", "scope": "Namespaced", "singularResource": "thing", "verbs": ["get"],
                    "responseKind": {"group": "", "version": "", "kind": "Thing"}, "shortNames": ["th"],
                    "subresources": [{
                        "subresource": "status", "verbs": ["patch"],
                        "responseKind": {"group": "", "version": "", "kind": "Thing"},
                    }],
                },
                {
                    "resource": "others", "scope": "Cluster", "singularResource": "", "verbs": null,
                    "responseKind": {"group": "", "version": "", "kind": ""},
                    "subresources": [{
                        "subresource": "scale", "verbs": ["get"],
                        "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                    }],
                },
            ])
        );
    }
}
