//! What to do with an object that should be there, given what is there. Decided without I/O.

use auth::rbac::{PolicyRule, missing_rights};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::bootstrap::Wanted;

/// What to do with an object that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Nothing: it is the user's from now on.
    CreateOnly,
    /// Add rights that are missing; never take any away. `rbac.authorization.kubernetes.io/autoupdate: "false"` keeps it as
    /// it is.
    Role,
    /// The same with subjects. What is bound cannot change, so another role means a new binding.
    RoleBinding,
    /// Keep the spec as wanted, unless the object says `apf.kubernetes.io/autoupdate-spec: "false"`.
    Spec,
    /// Keep these fields as wanted (`spec/ports`), and leave the rest alone.
    Fields(&'static [&'static str]),
    /// Delete it: earlier versions made it.
    Retired,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make it.
    Create(Value),
    /// Write it in this form.
    Update(Value),
    /// Delete it and make it anew.
    Recreate(Value),
    /// Delete it.
    Delete,
    /// Write its status.
    UpdateStatus(Value),
}

const ROLE_AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
const SPEC_AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";

/// What it takes to get from `existing` to `wanted`; nothing, mostly. A status follows once the object is there.
pub fn plan(wanted: &Wanted, existing: Option<&Value>) -> Option<Action> {
    let Some(existing) = existing else {
        return (wanted.policy != Policy::Retired).then(|| Action::Create(wanted.object.clone()));
    };
    let changed = match wanted.policy {
        Policy::Retired => return Some(Action::Delete),
        Policy::CreateOnly => None,
        Policy::Role if refuses(existing, ROLE_AUTO_UPDATE) => None,
        Policy::RoleBinding if refuses(existing, ROLE_AUTO_UPDATE) => None,
        Policy::Spec if refuses(existing, SPEC_AUTO_UPDATE) => None,
        Policy::Role => differing(role(&wanted.object, existing), existing),
        Policy::RoleBinding if existing["roleRef"] != wanted.object["roleRef"] => {
            return Some(Action::Recreate(wanted.object.clone()));
        }
        Policy::RoleBinding => differing(binding(&wanted.object, existing), existing),
        Policy::Spec => differing(with_fields(&wanted.object, existing, &["spec"]), existing),
        Policy::Fields(fields) => differing(with_fields(&wanted.object, existing, fields), existing),
    };
    if let Some(object) = changed {
        return Some(Action::Update(object));
    }
    let has_status = existing["status"]
        .as_object()
        .is_some_and(|status| !status.is_empty());
    let status = wanted.status.as_ref().filter(|_| !has_status)?;
    let mut object = existing.clone();
    object["status"] = status.clone();
    Some(Action::UpdateStatus(object))
}

fn differing(object: Value, existing: &Value) -> Option<Value> {
    (object != *existing).then_some(object)
}

fn refuses(existing: &Value, annotation: &str) -> bool {
    existing["metadata"]["annotations"][annotation] == "false"
}

fn role(wanted: &Value, existing: &Value) -> Value {
    let mut object = with_labels(wanted, existing);
    let missing = missing_rights(&rules(existing), &rules(wanted));
    let missing = missing.iter().filter_map(|rule| serde_json::to_value(rule).ok());
    append(&mut object, "rules", missing.collect());
    object
}

fn binding(wanted: &Value, existing: &Value) -> Value {
    let mut object = with_labels(wanted, existing);
    let held = existing["subjects"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let subjects = wanted["subjects"].as_array().into_iter().flatten();
    let missing = subjects
        .filter(|subject| !held.contains(subject))
        .cloned()
        .collect();
    append(&mut object, "subjects", missing);
    object
}

fn rules(role: &Value) -> Vec<PolicyRule> {
    Vec::deserialize(&role["rules"]).unwrap_or_default()
}

fn append(object: &mut Value, field: &str, more: Vec<Value>) {
    if more.is_empty() {
        return;
    }
    match object[field].as_array_mut() {
        Some(list) => list.extend(more),
        None => object[field] = more.into(),
    }
}

/// Labels and annotations that are missing; a user's own value stays.
fn with_labels(wanted: &Value, existing: &Value) -> Value {
    let mut object = existing.clone();
    for field in ["labels", "annotations"] {
        let Some(wanted) = wanted["metadata"][field].as_object() else {
            continue;
        };
        let have = object["metadata"][field].as_object().cloned().unwrap_or_default();
        let merged: Map<String, Value> = wanted.clone().into_iter().chain(have).collect();
        object["metadata"][field] = merged.into();
    }
    object
}

fn with_fields(wanted: &Value, existing: &Value, fields: &[&str]) -> Value {
    let mut object = existing.clone();
    for field in fields {
        let pointer = format!("/{field}");
        let Some(value) = wanted.pointer(&pointer) else {
            continue;
        };
        let mut place = &mut object;
        for key in field.split('/') {
            place = &mut place[key];
        }
        // What the server has filled in by itself does not count as a difference.
        if !covers(place, value) {
            place.clone_from(value);
        }
    }
    object
}

/// Whether `have` says everything that `wanted` says.
fn covers(have: &Value, wanted: &Value) -> bool {
    match (have, wanted) {
        (Value::Object(have), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| have.get(key).is_some_and(|h| covers(h, value))),
        (Value::Array(have), Value::Array(wanted)) => {
            have.len() == wanted.len() && have.iter().zip(wanted).all(|(h, w)| covers(h, w))
        }
        _ => have == wanted,
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionResource;
    use serde_json::json;

    use super::*;

    fn wanted(policy: Policy, object: Value) -> Wanted {
        Wanted {
            resource: GroupVersionResource::new("", "v1", "anything"),
            namespace: String::new(),
            name: String::from("a"),
            policy,
            object,
            status: None,
        }
    }

    fn check(policy: Policy, object: &Value, existing: &Value, action: Option<Action>) {
        let found = plan(&wanted(policy, object.clone()), Some(existing));
        assert_eq!(found, action, "{policy:?} {existing}");
    }

    fn rule(resource: &str, verbs: &[&str]) -> Value {
        json!({"verbs": verbs, "apiGroups": [""], "resources": [resource]})
    }

    #[test]
    fn what_is_missing_is_made() {
        let object = json!({"metadata": {"name": "a"}});
        let found = plan(&wanted(Policy::CreateOnly, object.clone()), None);
        assert_eq!(found, Some(Action::Create(object)));
    }

    #[test]
    fn roles_gain_rights_and_lose_none() {
        let object = json!({
            "metadata": {"name": "a", "labels": {"l": "1"}},
            "rules": [rule("pods", &["get", "list"])],
        });
        let existing =
            |rules: Value| json!({"metadata": {"name": "a", "labels": {"l": "mine"}}, "rules": rules});
        let update = |rules: Value| Some(Action::Update(existing(rules)));
        let more = json!([rule("pods", &["*"]), rule("secrets", &["get"])]);
        check(Policy::Role, &object, &existing(more), None);
        check(
            Policy::Role,
            &object,
            &existing(json!([rule("secrets", &["get"]), rule("pods", &["get"])])),
            update(json!([
                rule("secrets", &["get"]),
                rule("pods", &["get"]),
                rule("pods", &["list"])
            ])),
        );
        check(
            Policy::Role,
            &object,
            &existing(Value::Null),
            update(json!([rule("pods", &["get", "list"])])),
        );
        let mut kept = existing(Value::Null);
        kept["metadata"]["annotations"] = json!({ROLE_AUTO_UPDATE: "false"});
        check(Policy::Role, &object, &kept, None);
    }

    #[test]
    fn bindings_gain_subjects_or_are_made_anew() {
        let subject = |name: &str| json!({"kind": "User", "name": name});
        let object = json!({"roleRef": {"name": "r"}, "subjects": [subject("a"), subject("b")]});
        let existing = |role: &str, subjects: Value| json!({"roleRef": {"name": role}, "subjects": subjects});
        check(
            Policy::RoleBinding,
            &object,
            &existing("r", json!([subject("b"), subject("c")])),
            Some(Action::Update(existing(
                "r",
                json!([subject("b"), subject("c"), subject("a")]),
            ))),
        );
        check(
            Policy::RoleBinding,
            &object,
            &existing("r", json!([subject("b"), subject("a"), subject("c")])),
            None,
        );
        check(
            Policy::RoleBinding,
            &object,
            &existing("other", json!([])),
            Some(Action::Recreate(object.clone())),
        );
    }

    #[test]
    fn fields_are_kept_and_defaults_do_not_matter() {
        let object = json!({"spec": {"ports": [{"port": 443, "targetPort": 6443}]}});
        let fields = Policy::Fields(&["spec/ports"]);
        let existing = |target: u16| json!({"spec": {"type": "ClusterIP", "ports": [{"port": 443, "targetPort": target, "protocol": "TCP"}]}});
        check(fields, &object, &existing(6443), None);
        let mut updated = existing(1);
        updated["spec"]["ports"] = object["spec"]["ports"].clone();
        check(fields, &object, &existing(1), Some(Action::Update(updated)));
        let spec = json!({"spec": {"a": 1}});
        let mut kept = json!({"metadata": {"annotations": {SPEC_AUTO_UPDATE: "false"}}, "spec": {"a": 2}});
        check(Policy::Spec, &spec, &kept, None);
        kept["metadata"] = json!({});
        let mut updated = kept.clone();
        updated["spec"]["a"] = 1.into();
        check(Policy::Spec, &spec, &kept, Some(Action::Update(updated)));
    }

    #[test]
    fn a_status_is_written_once() {
        let mut wanted = wanted(Policy::CreateOnly, json!({}));
        wanted.status = Some(json!({"ready": true}));
        let bare = json!({"metadata": {"resourceVersion": "1"}, "status": {}});
        let mut full = bare.clone();
        full["status"] = json!({"ready": true});
        assert_eq!(
            plan(&wanted, Some(&bare)),
            Some(Action::UpdateStatus(full.clone()))
        );
        full["status"]["ready"] = false.into();
        assert_eq!(plan(&wanted, Some(&full)), None);
    }
}
