//! What has changed in a status, as a strategic merge patch: only that is sent, so that what others write stays.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Lists whose elements several write: only those that changed are sent.
const MERGED_LISTS: [(&str, &str); 1] = [("conditions", "type")];
/// Lists the API would merge by element, although they belong to one writer as a whole.
const REPLACED_LISTS: [&str; 3] = ["addresses", "hostIPs", "podIPs"];

/// The patch `{"status": ...}` from one status to another; none if they are the same.
pub fn status_patch<S: Serialize>(old: &S, new: &S) -> Option<Value> {
    let value = |status: &S| serde_json::to_value(status).unwrap_or_default();
    let (old, new) = (value(old), value(new));
    let empty = Map::new();
    let change = object(
        old.as_object().unwrap_or(&empty),
        new.as_object().unwrap_or(&empty),
    )?;
    Some(json!({ "status": change }))
}

fn object(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<Value> {
    let mut change = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        change.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        let before = old.get(key);
        if before == Some(value) {
            continue;
        }
        if let Some(value) = member(key, before, value) {
            change.insert(key.clone(), value);
        }
    }
    (!change.is_empty()).then_some(Value::Object(change))
}

fn member(key: &str, old: Option<&Value>, new: &Value) -> Option<Value> {
    match (old, new) {
        (Some(Value::Object(old)), Value::Object(new)) => object(old, new),
        (old, Value::Array(new)) => {
            let none = Vec::new();
            let old = old.and_then(Value::as_array).unwrap_or(&none);
            list(key, old, new)
        }
        (_, new) => Some(new.clone()),
    }
}

fn list(key: &str, old: &[Value], new: &[Value]) -> Option<Value> {
    if let Some((_, by)) = MERGED_LISTS.iter().find(|(list, _)| *list == key) {
        return merged(by, old, new);
    }
    let mut elements = new.to_vec();
    if REPLACED_LISTS.contains(&key) && !old.is_empty() {
        elements.insert(0, json!({ "$patch": "replace" }));
    }
    Some(Value::Array(elements))
}

/// Elements that came or changed, and marks for those that went.
fn merged(by: &str, old: &[Value], new: &[Value]) -> Option<Value> {
    let find =
        |list: &[Value], key: &Value| list.iter().find(|element| element.get(by) == Some(key)).cloned();
    let mut changes = Vec::new();
    for element in new {
        let Some(key) = element.get(by) else { continue };
        let before = find(old, key).unwrap_or_default();
        if before == *element {
            continue;
        }
        let mut change = element.clone();
        if let (Some(change), Some(before)) = (change.as_object_mut(), before.as_object()) {
            for field in before
                .keys()
                .filter(|field| element.get(field.as_str()).is_none())
            {
                change.insert(field.clone(), Value::Null);
            }
        }
        changes.push(change);
    }
    for element in old {
        if let Some(key) = element.get(by)
            && find(new, key).is_none()
        {
            changes.push(json!({ by: key, "$patch": "delete" }));
        }
    }
    (!changes.is_empty()).then_some(Value::Array(changes))
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;
    use patch::{Patch, PatchType};

    use super::*;

    /// The patch, and that applying it gives the new status.
    #[track_caller]
    fn check(old: Value, new: Value, expected: Option<Value>) {
        let change = status_patch(&old, &new);
        assert_eq!(change, expected.map(|status| json!({ "status": status })));
        let Some(change) = change else { return };
        let schema = schema::builtin(&GroupVersionKind::new("", "v1", "Pod"));
        let body = serde_json::to_vec(&change).unwrap();
        let patch = Patch::parse(PatchType::Strategic, &body).unwrap();
        let patched = patch.apply(&json!({ "status": old }), schema).unwrap();
        assert_eq!(patched["status"], new);
    }

    #[test]
    fn what_is_the_same_is_not_sent() {
        let status = json!({ "phase": "Running", "conditions": [{ "type": "A", "status": "True" }] });
        check(status.clone(), status, None);
        check(
            json!({ "phase": "Pending", "hostIP": "1.1.1.1" }),
            json!({ "phase": "Running", "hostIP": "1.1.1.1" }),
            Some(json!({ "phase": "Running" })),
        );
        check(
            json!({ "reason": "x" }),
            json!({}),
            Some(json!({ "reason": null })),
        );
    }

    #[test]
    fn conditions_are_sent_one_by_one() {
        check(
            json!({ "conditions": [{ "type": "A", "status": "True" }, { "type": "B", "status": "True" }] }),
            json!({ "conditions": [{ "type": "A", "status": "True" }, { "type": "B", "status": "False", "reason": "r" }] }),
            Some(json!({ "conditions": [{ "type": "B", "status": "False", "reason": "r" }] })),
        );
        check(
            json!({ "conditions": [{ "type": "A", "status": "False", "reason": "r" }, { "type": "B", "status": "True" }] }),
            json!({ "conditions": [{ "type": "A", "status": "True" }] }),
            Some(json!({ "conditions": [
                { "type": "A", "status": "True", "reason": null },
                { "type": "B", "$patch": "delete" },
            ] })),
        );
    }

    #[test]
    fn addresses_are_replaced_as_a_whole() {
        check(
            json!({ "podIPs": [{ "ip": "10.0.0.1" }] }),
            json!({ "podIPs": [{ "ip": "10.0.0.2" }] }),
            Some(json!({ "podIPs": [{ "$patch": "replace" }, { "ip": "10.0.0.2" }] })),
        );
        check(
            json!({}),
            json!({ "podIPs": [{ "ip": "10.0.0.2" }] }),
            Some(json!({ "podIPs": [{ "ip": "10.0.0.2" }] })),
        );
    }

    #[test]
    fn lists_of_containers_are_sent_whole() {
        check(
            json!({ "containerStatuses": [{ "name": "a", "ready": false }, { "name": "b" }] }),
            json!({ "containerStatuses": [{ "name": "a", "ready": true }] }),
            Some(json!({ "containerStatuses": [{ "name": "a", "ready": true }] })),
        );
    }
}
