//! Default roles and bindings: facts from `default_roles.json`, which `cargo xtask gen` writes.

use auth::rbac::GROUP;
use meta::GroupVersionResource;
use serde_json::{Map, Value, json};

use super::Wanted;
use super::aggregate::aggregated_rules;
use crate::reconcile::Policy;

const FACTS: &str = include_str!("default_roles.json");

const KINDS: [(&str, &str, Policy); 4] = [
    ("clusterRoles", "ClusterRole", Policy::Role),
    ("clusterRoleBindings", "ClusterRoleBinding", Policy::RoleBinding),
    ("roles", "Role", Policy::Role),
    ("roleBindings", "RoleBinding", Policy::RoleBinding),
];

/// All default roles and bindings.
pub(super) fn all() -> Vec<Wanted> {
    let facts: Map<String, Value> = serde_json::from_str(FACTS).expect("the facts are valid JSON");
    let mut all = Vec::new();
    for (key, kind, policy) in KINDS {
        let facts = facts[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut objects: Vec<Value> = facts.iter().map(|facts| object(kind, facts)).collect();
        fill_aggregated(&mut objects);
        let resource = GroupVersionResource {
            group: GROUP.into(),
            version: "v1".into(),
            resource: key.to_lowercase().into(),
        };
        all.extend(
            objects
                .into_iter()
                .map(|object| Wanted::new(resource.clone(), policy, object)),
        );
    }
    all
}

fn object(kind: &str, facts: &Value) -> Value {
    let mut object = facts.as_object().cloned().unwrap_or_default();
    let mut labels = object.remove("labels").unwrap_or_else(|| json!({}));
    labels["kubernetes.io/bootstrapping"] = "rbac-defaults".into();
    let mut metadata = json!({
        "name": object.remove("name"),
        "labels": labels,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    });
    if let Some(namespace) = object.remove("namespace") {
        metadata["namespace"] = namespace;
    }
    object.insert("apiVersion".into(), format!("{GROUP}/v1").into());
    object.insert("kind".into(), kind.into());
    object.insert("metadata".into(), metadata);
    Value::Object(object)
}

/// A controller keeps the rules of aggregated roles; they are there from the start all the same, so that `edit` and `view`
/// work where it does not run. `admin` gathers `edit`, and `edit` gathers `view`: repeated until nothing is new.
fn fill_aggregated(roles: &mut [Value]) {
    loop {
        let mut is_complete = true;
        for index in 0..roles.len() {
            let selectors = &roles[index]["aggregationRule"]["clusterRoleSelectors"];
            let Some(selectors) = selectors.as_array() else {
                continue;
            };
            let rules = Value::from(aggregated_rules(selectors, roles.iter()));
            if roles[index]["rules"] != rules {
                roles[index]["rules"] = rules;
                is_complete = false;
            }
        }
        if is_complete {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_whole_again() {
        let all = all();
        let find = |name: &str| all.iter().find(|w| w.name == name).expect("there");
        assert_eq!(
            find("cluster-admin").object,
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {
                    "name": "cluster-admin",
                    "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
                    "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
                },
                "rules": [
                    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                    {"verbs": ["*"], "nonResourceURLs": ["*"]},
                ],
            })
        );
        let reader = find("extension-apiserver-authentication-reader");
        assert_eq!(reader.namespace, "kube-system");
        assert_eq!(reader.object["metadata"]["namespace"], "kube-system");
        let rules = |name: &str| find(name).object["rules"].as_array().map_or(0, Vec::len);
        assert_eq!(["view", "edit", "admin"].map(rules), [12, 27, 29]);
    }
}
