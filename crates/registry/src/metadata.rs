//! What the server itself does to `metadata`: everything a client may not choose.

use jiff::Timestamp;
use meta::Status;
use meta::object::{metadata, metadata_mut, metadata_str};
use meta::validation::carry_over;
use serde_json::{Map, Value};

use crate::fault;
use crate::list_options::parse_uint;

/// Puts the request's namespace into an object that has none; an object of another namespace is a 400. `namespace` is empty
/// for cluster-scoped resources, whose objects lose theirs.
pub(crate) fn ensure_namespace(tree: &mut Value, namespace: &str) -> Result<(), Status> {
    let own = metadata_str(tree, "namespace");
    if own == namespace {
        return Ok(());
    }
    if namespace.is_empty() {
        remove(tree, "namespace");
    } else if own.is_empty() {
        set(tree, "namespace", namespace.into());
    } else {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Refuses an object whose name is not that of the URL.
pub(crate) fn ensure_name(tree: &Value, name: &str) -> Result<(), Status> {
    let own = metadata_str(tree, "name");
    if own.is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if own != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}

/// What a client may not say of an object that it creates is taken away, before anyone owns it or sees it.
pub(crate) fn forget_system_fields(tree: &mut Value) {
    const SYSTEM: [&str; 5] = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ];
    for field in SYSTEM {
        remove(tree, field);
    }
}

/// What a new object gets whether or not the client gave it.
pub(crate) fn begin(tree: &mut Value, uid: &str, now: Timestamp) {
    let Some(metadata) = metadata_mut(tree) else {
        return;
    };
    metadata.insert("uid".into(), uid.into());
    metadata.insert("creationTimestamp".into(), seconds(now).into());
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        metadata.remove(field);
    }
}

/// What an update cannot change, put back from the object as it is: creation, deletion, generation, and the UID if left out.
pub(crate) fn keep(new: &mut Value, old: &Value) {
    let empty = Map::new();
    let old = metadata(old).unwrap_or(&empty);
    let Some(new) = metadata_mut(new) else { return };
    copy(new, old, "generation");
    if old.contains_key("creationTimestamp") {
        copy(new, old, "creationTimestamp");
    }
    carry_over(new, old);
}

fn copy(new: &mut Map<String, Value>, old: &Map<String, Value>, field: &str) {
    match old.get(field) {
        Some(value) => new.insert(field.to_owned(), value.clone()),
        None => new.remove(field),
    };
}

/// The version the client believes to be changing; 0 if it does not say. Upstream answers a version that is no number with
/// a bare 500.
pub(crate) fn resource_version(tree: &Value) -> Result<u64, Status> {
    match metadata_str(tree, "resourceVersion") {
        "" => Ok(0),
        text => parse_uint(text).map_err(|problem| fault::plain(500, problem)),
    }
}

/// Whether deletion was asked for.
pub(crate) fn is_deleting(tree: &Value) -> bool {
    metadata(tree).is_some_and(|metadata| metadata.contains_key("deletionTimestamp"))
}

/// The seconds given to a deleted object, if any.
pub(crate) fn grace_period_seconds(tree: &Value) -> Option<i64> {
    metadata(tree)?.get("deletionGracePeriodSeconds")?.as_i64()
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(tree: &Value) -> Vec<&str> {
    let finalizers = metadata(tree).and_then(|metadata| metadata.get("finalizers"));
    let finalizers = finalizers.and_then(Value::as_array);
    finalizers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether an update leaves nothing that keeps a deleted object from going.
pub(crate) fn may_go(new: &Value, old: &Value) -> bool {
    is_deleting(old) && finalizers(new).is_empty() && grace_period_seconds(old).unwrap_or(0) == 0
}

/// Sets `metadata.generation` to the next one.
pub(crate) fn count_generation(tree: &mut Value) {
    let generation = metadata(tree).and_then(|metadata| metadata.get("generation"));
    let next = generation.and_then(Value::as_i64).unwrap_or(0) + 1;
    set(tree, "generation", next.into());
}

/// Sets a field of `metadata`.
pub(crate) fn set(tree: &mut Value, field: &str, value: Value) {
    if let Some(metadata) = metadata_mut(tree) {
        metadata.insert(field.to_owned(), value);
    }
}

/// Removes a field of `metadata`.
pub(crate) fn remove(tree: &mut Value, field: &str) {
    if let Some(metadata) = tree.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove(field);
    }
}

/// A time as metadata holds it: RFC 3339, whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn namespaces_come_from_the_request() {
        let cases = [
            (json!({}), "a", Ok(json!({"namespace": "a"}))),
            (json!({"namespace": "a"}), "a", Ok(json!({"namespace": "a"}))),
            (json!({"namespace": "a"}), "", Ok(json!({}))),
            (json!({"namespace": "b"}), "a", Err(400)),
        ];
        for (metadata, namespace, expected) in cases {
            let mut tree = json!({ "metadata": metadata });
            let ensured = ensure_namespace(&mut tree, namespace).map_err(|status| status.code);
            assert_eq!(ensured.map(|()| tree["metadata"].clone()), expected);
        }
    }

    #[test]
    fn a_client_says_nothing_of_birth_and_death() {
        let mut tree = json!({"metadata": {
            "name": "n", "uid": "u", "creationTimestamp": "c", "deletionTimestamp": "d", "deletionGracePeriodSeconds": 5,
            "selfLink": "/x", "labels": {"a": "b"},
        }});
        forget_system_fields(&mut tree);
        assert_eq!(tree, json!({"metadata": {"name": "n", "labels": {"a": "b"}}}));
        let mut bare = json!({"spec": {}});
        forget_system_fields(&mut bare);
        assert_eq!(bare, json!({"spec": {}}));
    }

    #[test]
    fn clients_change_neither_birth_nor_death() {
        let old = json!({"metadata": {
            "uid": "u", "generation": 3, "creationTimestamp": "c", "deletionTimestamp": "d", "deletionGracePeriodSeconds": 5,
        }});
        let mut new = json!({"metadata": {"generation": 9, "creationTimestamp": "x"}});
        keep(&mut new, &old);
        assert_eq!(new, old);
        let mut forged = json!({"metadata": {"uid": "other", "deletionGracePeriodSeconds": 1}});
        keep(&mut forged, &old);
        assert_eq!(
            forged["metadata"]["uid"], "other",
            "left for validation to refuse"
        );
        assert_eq!(forged["metadata"]["deletionGracePeriodSeconds"], 1);
    }

    #[test]
    fn a_deleted_object_goes_with_its_last_finalizer() {
        let object = |metadata: Value| json!({ "metadata": metadata });
        let deleting =
            object(json!({"deletionTimestamp": "t", "deletionGracePeriodSeconds": 0, "finalizers": ["a"]}));
        let waiting = object(json!({"deletionTimestamp": "t", "deletionGracePeriodSeconds": 30}));
        let cases = [
            (object(json!({})), deleting.clone(), true),
            (object(json!({"finalizers": []})), deleting.clone(), true),
            (object(json!({"finalizers": ["b"]})), deleting, false),
            (object(json!({})), waiting, false),
            (object(json!({})), object(json!({})), false),
            (object(json!({})), object(json!({"deletionTimestamp": "t"})), true),
        ];
        for (new, old, expected) in cases {
            assert_eq!(may_go(&new, &old), expected, "{new} {old}");
        }
    }
}
