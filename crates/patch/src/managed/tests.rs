//! Who owns what after each write.

use meta::GroupVersionKind;
use serde_json::{Value, json};

use super::*;

const TIME: &str = "2024-01-01T00:00:00Z";

fn write<'a>(manager: &'a str, time: &'a str) -> Write<'a> {
    Write {
        manager,
        api_version: "v1",
        subresource: "",
        time,
        schema: schema::builtin(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap(),
        reset_fields: &[],
        resets_in_all_versions: true,
        convert: None,
    }
}

fn object(data: Value, managed_fields: Option<Value>) -> Value {
    let mut object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    if let Some(managed_fields) = managed_fields {
        object["metadata"]["managedFields"] = managed_fields;
    }
    object
}

/// `manager operation fields`, one text for each owner.
fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array();
    let text = |entry: &Value| {
        format!(
            "{} {} {}",
            entry["manager"].as_str().unwrap_or("?"),
            entry["operation"].as_str().unwrap_or("?"),
            entry["fieldsV1"]
        )
    };
    entries.into_iter().flatten().map(text).collect()
}

fn entry(manager: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2020-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields})
}

#[test]
fn who_creates_owns_all() {
    let mut new = object(json!({"k": "v"}), None);
    new["metadata"]["labels"] = json!({"l": "m"});
    track_update(&write("maker", TIME), None, &mut new);
    let expected = json!([{
        "manager": "maker", "operation": "Update", "apiVersion": "v1", "time": TIME, "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}},
    }]);
    assert_eq!(new["metadata"]["managedFields"], expected);

    let mut empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u"}});
    track_update(&write("maker", TIME), None, &mut empty);
    assert!(owners(&empty).is_empty());
}

#[test]
fn who_changes_a_field_owns_it() {
    let old = object(
        json!({"a": "1", "b": "1"}),
        Some(json!([entry(
            "first",
            json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}})
        )])),
    );
    for (data, expected) in [
        (
            json!({"a": "1", "b": "1"}),
            vec![r#"first Update {"f:data":{".":{},"f:a":{},"f:b":{}}}"#],
        ),
        (
            json!({"a": "2", "b": "1", "c": "3"}),
            vec![
                r#"first Update {"f:data":{".":{},"f:b":{}}}"#,
                r#"second Update {"f:data":{"f:a":{},"f:c":{}}}"#,
            ],
        ),
        (
            json!({"b": "1"}),
            vec![r#"first Update {"f:data":{".":{},"f:b":{}}}"#],
        ),
        (
            json!({"a": "2", "b": "2"}),
            vec![
                r#"first Update {"f:data":{}}"#,
                r#"second Update {"f:data":{"f:a":{},"f:b":{}}}"#,
            ],
        ),
    ] {
        let mut new = object(data.clone(), None);
        track_update(&write("second", TIME), Some(&old), &mut new);
        assert_eq!(owners(&new), expected, "{data}");
    }
}

#[test]
fn times_move_only_when_something_is_taken() {
    let old = object(
        json!({"a": "1"}),
        Some(json!([entry("m", json!({"f:data": {"f:a": {}, "f:b": {}}}))])),
    );
    let time = |data: Value| {
        let mut new = object(data, None);
        track_update(&write("m", TIME), Some(&old), &mut new);
        new["metadata"]["managedFields"][0]["time"].clone()
    };
    assert_eq!(time(json!({"a": "1"})), "2020-01-01T00:00:00Z");
    assert_eq!(time(json!({"a": "2"})), TIME);
}

#[test]
fn clients_may_edit_owners() {
    let known = || json!([entry("known", json!({"f:data": {"f:a": {}}}))]);
    let old = object(json!({"a": "1"}), Some(known()));
    let ghost = || json!([entry("ghost", json!({"f:data": {"f:z": {}}}))]);
    for (requested, subresource, expected) in [
        (None, "", vec![r#"known Update {"f:data":{"f:a":{}}}"#]),
        (Some(json!([])), "", vec![]),
        (Some(json!([{}])), "", vec![]),
        (Some(ghost()), "", vec![r#"ghost Update {"f:data":{"f:z":{}}}"#]),
        (
            Some(ghost()),
            "status",
            vec![r#"known Update {"f:data":{"f:a":{}}}"#],
        ),
        (
            Some(json!([{"manager": "x", "operation": "Sing"}])),
            "",
            vec![r#"known Update {"f:data":{"f:a":{}}}"#],
        ),
        (
            Some(json!([{"manager": "x", "operation": "Update", "apiVersion": "v1"}])),
            "",
            vec![r#"known Update {"f:data":{"f:a":{}}}"#],
        ),
        (
            Some(
                json!([{"manager": "x", "operation": "Update", "apiVersion": "v7", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}]),
            ),
            "",
            vec![],
        ),
    ] {
        let mut new = object(json!({"a": "1"}), requested.clone());
        let write = Write {
            subresource,
            ..write("m", TIME)
        };
        track_update(&write, Some(&old), &mut new);
        assert_eq!(owners(&new), expected, "{requested:?}");
    }
}

#[test]
fn nothing_is_tracked_of_objects_without_owners() {
    let old = object(json!({"a": "1"}), None);
    let mut new = object(json!({"a": "2"}), None);
    track_update(&write("m", TIME), Some(&old), &mut new);
    assert!(owners(&new).is_empty());
}

#[test]
fn other_endpoints_own_their_fields() {
    let schema = schema::builtin(&GroupVersionKind::new("", "v1", "Pod")).unwrap();
    let mut new =
        json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
    let write = Write {
        schema,
        reset_fields: &["status"],
        ..write("m", TIME)
    };
    track_update(&write, None, &mut new);
    assert_eq!(owners(&new), [r#"m Update {"f:spec":{"f:nodeName":{}}}"#]);
}

#[test]
fn there_are_no_more_than_ten_updaters() {
    let mut object = object(json!({}), None);
    for i in 0..12 {
        let old = (i > 0).then(|| object.clone());
        object["data"][format!("{i:02}")] = json!("x");
        let time = format!("2024-01-01T00:00:{i:02}Z");
        track_update(&write(&format!("u{i:02}"), &time), old.as_ref(), &mut object);
    }
    let owners = owners(&object);
    assert_eq!(owners.len(), 10);
    assert_eq!(
        owners[..2],
        [
            r#"ancient-changes Update {"f:data":{".":{},"f:00":{},"f:01":{},"f:02":{}}}"#,
            r#"u03 Update {"f:data":{"f:03":{}}}"#,
        ]
    );
    assert_eq!(
        object["metadata"]["managedFields"][0]["time"],
        "2024-01-01T00:00:02Z"
    );
}

#[test]
fn the_default_manager_is_the_beginning_of_the_user_agent() {
    for (user_agent, manager) in [
        ("kubectl/v1.36.2 (linux/amd64) kubernetes/abc", "kubectl"),
        ("/odd", ""),
        ("word with spaces/1", "word with spaces"),
        ("a\u{7}b", "ab"),
        ("", ""),
    ] {
        assert_eq!(default_manager(user_agent), manager);
    }
    assert_eq!(default_manager(&"u".repeat(200)), "u".repeat(128));
}

#[test]
fn a_write_without_effect_stays_one() {
    let with_time = |time: &str| {
        let mut entry = entry("m", json!({"f:data": {"f:a": {}}}));
        entry["time"] = json!(time);
        Some(json!([entry]))
    };
    let old = object(json!({"a": "1"}), with_time("2020-01-01T00:00:00Z"));
    let mut same = object(json!({"a": "1"}), with_time(TIME));
    assert!(restore_times(&mut same, &old));
    assert_eq!(same, old);
    let mut changed = object(json!({"a": "2"}), with_time(TIME));
    let before = changed.clone();
    assert!(!restore_times(&mut changed, &old));
    assert_eq!(changed, before);
    assert!(!restore_times(&mut changed, &object(json!({"a": "2"}), None)));
    assert_eq!(changed, before);
    let mut labelled = object(json!({"a": "1"}), with_time(TIME));
    labelled["metadata"]["labels"] = json!({"b": "c"});
    assert!(!restore_times(&mut labelled, &old));
    assert_eq!(
        labelled["metadata"]["managedFields"],
        before["metadata"]["managedFields"]
    );
}
