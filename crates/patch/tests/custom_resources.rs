//! Custom resources are patched and applied to like built-in kinds, by what their schema says.

use patch::apply::{ApplyError, apply};
use patch::managed::{Write, track_update};
use schema::StructuralSchema;
use serde_json::{Value, json};

fn widget() -> StructuralSchema {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "replicas": {"type": "integer"},
        "port": {"x-kubernetes-int-or-string": true},
        "plainList": {"type": "array", "items": {"type": "string"}},
        "setList": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "mapList": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "kind"],
            "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "kind": {"type": "string", "default": "Plain"}, "v": {"type": "integer"}}}},
        "granular": {"type": "object", "additionalProperties": {"type": "string"}},
        "atomicMap": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "nested": {"type": "object", "properties": {"deep": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "half": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "known": {"type": "object", "properties": {"a": {"type": "integer"}}}}},
    }}}});
    StructuralSchema::parse(&schema).expect("it is structural")
}

fn write<'a>(schema: &'a StructuralSchema, manager: &'a str) -> Write<'a> {
    Write {
        manager,
        api_version: "example.com/v1",
        subresource: "",
        time: "2024-01-01T00:00:00Z",
        schema: schema.position(),
        reset_fields: &[],
        resets_in_all_versions: true,
        convert: None,
    }
}

fn object(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

fn owned(object: &Value, manager: &str) -> Value {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .expect("there are owners");
    let entry = entries.iter().find(|entry| entry["manager"] == manager);
    entry.map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

#[test]
fn a_creator_owns_what_upstream_says() {
    let schema = widget();
    let mut created = object(json!({
        "replicas": 1, "port": 80, "plainList": ["a", "b"], "setList": ["x", "y"],
        "mapList": [{"name": "one", "kind": "Plain", "v": 1}, {"name": "two", "kind": "Other", "v": 2}],
        "granular": {"k": "v", "a~b": "t"}, "nested": {"deep": {"a": "1", "b": "2"}},
        "free": {"any": [1, "two", {"three": 3}], "n": null, "o": {"p": 1}}, "atomicMap": {"a": "b"},
    }));
    track_update(&write(&schema, "m"), None, &mut created);
    let item = json!({".": {}, "f:kind": {}, "f:name": {}, "f:v": {}});
    assert_eq!(
        owned(&created, "m"),
        json!({"f:spec": {
            ".": {},
            "f:atomicMap": {},
            "f:free": {".": {}, "f:any": {}, "f:n": {}, "f:o": {".": {}, "f:p": {}}},
            "f:granular": {".": {}, "f:a~b": {}, "f:k": {}},
            "f:mapList": {".": {}, r#"k:{"kind":"Other","name":"two"}"#: item, r#"k:{"kind":"Plain","name":"one"}"#: item},
            "f:nested": {".": {}, "f:deep": {".": {}, "f:a": {}, "f:b": {}}},
            "f:plainList": {},
            "f:port": {},
            "f:replicas": {},
            "f:setList": {".": {}, r#"v:"x""#: {}, r#"v:"y""#: {}},
        }})
    );
}

#[test]
fn configurations_are_merged_by_keys_and_given_up() {
    let schema = widget();
    let live = json!({});
    let first = object(json!({
        "mapList": [{"name": "one", "v": 1}], "setList": ["x"], "free": {"a": {"b": 1}, "l": [1]}, "granular": {"k": "v"}}));
    let live = apply(&write(&schema, "first"), &live, &first, false).expect("it is applied");
    let second = object(json!({
        "mapList": [{"name": "two", "v": 2}], "setList": ["y"], "free": {"a": {"c": 2}}, "granular": {"l": "w"}}));
    let live = apply(&write(&schema, "second"), &live, &second, false).expect("it is applied");
    assert_eq!(
        live["spec"],
        json!({
            "mapList": [{"name": "one", "v": 1}, {"name": "two", "v": 2}], "setList": ["x", "y"],
            "free": {"a": {"b": 1, "c": 2}, "l": [1]}, "granular": {"k": "v", "l": "w"},
        })
    );
    let live = apply(
        &write(&schema, "first"),
        &live,
        &object(json!({"free": {"a": {"b": 1}}})),
        false,
    )
    .expect("it is applied");
    assert_eq!(
        live["spec"],
        json!({"mapList": [{"name": "two", "v": 2}], "setList": ["y"], "free": {"a": {"b": 1, "c": 2}}, "granular": {"l": "w"}})
    );
}

#[test]
fn conflicts_and_wrong_types_are_told() {
    let schema = widget();
    let live = apply(
        &write(&schema, "first"),
        &json!({}),
        &object(json!({"free": {"x": [1]}, "replicas": 1})),
        false,
    );
    let live = live.expect("it is applied");
    let refused = |spec: Value| {
        let outcome = apply(&write(&schema, "second"), &live, &object(spec), false);
        outcome.map(|_| ()).map_err(|error: ApplyError| error.to_string())
    };
    assert_eq!(
        refused(json!({"free": {"x": [2]}})),
        Err(r#"Apply failed with 1 conflict: conflict with "first": .spec.free.x"#.to_owned())
    );
    assert_eq!(refused(json!({"free": {"y": {"z": 1}}, "port": "http"})), Ok(()));
    assert_eq!(
        refused(json!({"half": {"known": {"a": 1, "b": 2}, "other": {}}})),
        Ok(())
    );
    let not_typed = "failed to create typed patch object (/w; example.com/v1, Kind=Widget): ";
    assert_eq!(
        refused(json!({"whoops": 1})),
        Err(format!("{not_typed}.spec.whoops: field not declared in schema"))
    );
    assert_eq!(
        refused(json!({"half": {"known": {"a": "1"}}})),
        Err(format!(
            "{not_typed}.spec.half.known.a: expected numeric (int or float), got string"
        ))
    );
    assert_eq!(
        refused(json!({"replicas": "2"})),
        Err(format!(
            "{not_typed}.spec.replicas: expected numeric (int or float), got string"
        ))
    );
}
