//! Structural schemas as a whole: tables of values, and laws.

mod decoding;
mod laws;
mod positions;
mod structure;
mod validation;

use serde_json::{Value, json};

use super::*;

/// The schema of the recorded exchanges, with a little of everything.
fn widget() -> StructuralSchema {
    let schema = json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {"type": "object", "properties": {
            "size": {"type": "integer", "minimum": 1, "default": 3},
            "color": {"type": "string", "enum": ["red", "green", "blue"]},
            "ratio": {"type": "number"},
            "when": {"type": "string", "format": "date-time"},
            "list": {"type": "array", "items": {"type": "string"}},
            "replicas": {"type": "integer", "format": "int32"},
            "port": {"x-kubernetes-int-or-string": true},
            "note": {"type": "string", "nullable": true},
            "setList": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "mapList": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "kind"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "kind": {"type": "string", "default": "Plain"}, "v": {"type": "integer"}}}},
            "granular": {"type": "object", "additionalProperties": {"type": "string"}},
            "atomicMap": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
            "nested": {"type": "object", "properties": {"deep": {"type": "object", "properties": {"a": {"type": "string"}}}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"ok": {"type": "boolean"}, "replicas": {"type": "integer"}}},
    }});
    let kind = meta::GroupVersionKind::new("example.com", "v1", "Widget");
    StructuralSchema::parse(&schema)
        .expect("it is structural")
        .of_kind(kind)
}

/// A schema of one field, `x`.
fn of_field(field: Value) -> StructuralSchema {
    let schema = json!({"type": "object", "properties": {"x": field}});
    StructuralSchema::parse(&schema).expect("it is structural")
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_not_declared_is_pruned() {
    let mut object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "odd": 1}, "top": 2,
        "spec": {"whoops": 1, "list": {"a": 1}, "granular": {"a": "b"}, "nested": {"what": 2, "deep": {"a": "x", "b": 1}},
            "mapList": [{"name": "n", "z": 1}], "free": {"any": [{"x": 1}]},
            "template": {"kind": "Pod", "metadata": {"x": 1}, "spec": {"y": 1}}},
    });
    assert_eq!(
        widget().prune(&mut object),
        [
            "spec.list.a",
            "spec.mapList[0].z",
            "spec.nested.deep.b",
            "spec.nested.what",
            "spec.whoops",
            "top"
        ]
    );
    assert_eq!(
        object,
        json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "odd": 1},
            "spec": {"list": {}, "granular": {"a": "b"}, "nested": {"deep": {"a": "x"}}, "mapList": [{"name": "n"}],
                "free": {"any": [{"x": 1}]}, "template": {"kind": "Pod", "metadata": {"x": 1}, "spec": {"y": 1}}},
        })
    );
}

#[test]
fn pruning_goes_on_below_what_is_kept() {
    let free = "x-kubernetes-preserve-unknown-fields";
    let schema = of_field(json!({"type": "object", free: true, "properties": {
        "known": {"type": "object", "properties": {"a": {"type": "string"}}}}}));
    let mut object = json!({"x": {"other": {"b": 1}, "known": {"a": "1", "b": 2}}});
    assert_eq!(schema.prune(&mut object), ["x.known.b"]);
    assert_eq!(object, json!({"x": {"other": {"b": 1}, "known": {"a": "1"}}}));

    let list = of_field(
        json!({"type": "array", free: true, "items": {"type": "object", "properties": {
        "known": {"type": "object", "properties": {}}}}}),
    );
    let mut object = json!({"x": [{"other": 1, "known": {"b": 2}}]});
    assert_eq!(list.prune(&mut object), ["x[0].known.b"]);
    assert_eq!(object, json!({"x": [{"other": 1, "known": {}}]}));

    let any = of_field(json!({"type": "object", "additionalProperties": true}));
    let mut object = json!({"x": {"a": 1, "b": {"c": 1}, "d": [{"e": 1}]}});
    assert_eq!(any.prune(&mut object), ["x.b.c", "x.d[0].e"]);
    assert_eq!(object, json!({"x": {"a": 1, "b": {}, "d": [{}]}}));
}

#[test]
fn defaults_are_put_in() {
    let check = |schema: &StructuralSchema, given: Value, expected: Value| {
        let mut object = given;
        schema.drop_nulls(&mut object);
        schema.default(&mut object);
        assert_eq!(object, expected);
    };
    let widget = widget();
    check(&widget, json!({}), json!({}));
    check(&widget, json!({"spec": {}}), json!({"spec": {"size": 3}}));
    check(
        &widget,
        json!({"spec": {"size": null, "color": null, "note": null}}),
        json!({"spec": {"size": 3, "note": null}}),
    );
    check(&widget, json!({"spec": null}), json!({}));
    check(
        &widget,
        json!({"spec": {"size": 1, "mapList": [{"name": "a"}, {"name": "b", "kind": null}]}}),
        json!({"spec": {"size": 1, "mapList": [{"name": "a", "kind": "Plain"}, {"name": "b", "kind": "Plain"}]}}),
    );
    check(
        &widget,
        json!({"spec": {"size": 1, "free": {"n": null}}}),
        json!({"spec": {"size": 1, "free": {"n": null}}}),
    );
    let nested = of_field(json!({"type": "object", "default": {}, "properties": {
        "y": {"type": "object", "default": {"z": 1}, "properties": {"z": {"type": "integer"}, "w": {"type": "string", "default": "d"}}}}}));
    check(&nested, json!({}), json!({"x": {"y": {"z": 1, "w": "d"}}}));
    let map = of_field(
        json!({"type": "object", "additionalProperties": {"type": "object", "properties": {
        "a": {"type": "string", "default": "b"}}}}),
    );
    check(
        &map,
        json!({"x": {"k": {}, "l": null}}),
        json!({"x": {"k": {"a": "b"}}}),
    );
    let nullable = of_field(json!({"type": "string", "nullable": true, "default": "d"}));
    check(&nullable, json!({"x": null}), json!({"x": null}));
}

#[test]
fn what_lies_in_the_store_is_mended() {
    let mut object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "labels": {"x": 5}, "odd": 1},
        "spec": {"gone": 1, "color": null, "template": {"kind": 5, "metadata": {"labels": 5, "name": "b"}}},
    });
    widget().upgrade_stored(&mut object);
    assert_eq!(
        object,
        json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "generation": 1},
            "spec": {"size": 3, "template": {"metadata": {"name": "b"}}},
        })
    );
}
