//! Values against schemas, in upstream's words.

use super::*;

fn check(field: Value, value: Value, expected: &[&str]) {
    let errors = of_field(field).validate(&json!({"x": value}), &Path::root());
    assert_eq!(texts(&errors), expected);
}

#[test]
fn recorded_answers_are_given() {
    let check = |spec: Value, expected: &[&str]| {
        assert_eq!(
            texts(&widget().validate(&json!({"spec": spec}), &Path::root())),
            expected
        );
    };
    check(json!({"size": 1, "color": "red", "port": 80}), &[]);
    check(
        json!({"color": "pink", "size": 0}),
        &[
            r#"spec.color: Unsupported value: "pink": supported values: "red", "green", "blue""#,
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ],
    );
    check(
        json!({"size": "big"}),
        &[r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#],
    );
    check(
        json!({"size": 1.5}),
        &[
            r#"spec.size: Invalid value: "number": spec.size in body must be of type integer: "number""#,
            r#"<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.size"#,
        ],
    );
    check(
        json!({"when": "yesterday"}),
        &[
            r#"spec.when: Invalid value: "yesterday": spec.when in body must be of type date-time: "yesterday""#,
        ],
    );
    check(
        json!({"list": {}}),
        &[r#"spec.list: Invalid value: "object": spec.list in body must be of type array: "object""#],
    );
    check(
        json!({"list": ["a", 5]}),
        &[
            r#"spec.list[1]: Invalid value: "integer": spec.list[1] in body must be of type string: "integer""#,
        ],
    );
    check(
        json!({"port": true}),
        &[
            r#"spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean""#,
        ],
    );
    check(
        json!({"mapList": [{"v": 5}]}),
        &["spec.mapList[0].name: Required value"],
    );
    check(json!({"size": 3.0, "ratio": 1, "note": null}), &[]);
    let errors = widget().validate(&json!({}), &Path::root());
    assert_eq!(texts(&errors), ["spec: Required value"]);
    let errors = widget().validate(&json!({"spec": "text"}), &Path::root());
    assert_eq!(
        texts(&errors),
        [r#"spec: Invalid value: "string": spec in body must be of type object: "string""#]
    );
}

#[test]
fn a_status_is_named_from_its_own_endpoint() {
    let errors = widget().validate_status_update(&json!({"status": {"replicas": "five"}}), &json!({}));
    assert_eq!(
        texts(&errors),
        [r#"status.replicas: Invalid value: "string": replicas in body must be of type integer: "string""#]
    );
    assert_eq!(
        texts(&widget().validate_status_update(&json!({}), &json!({}))),
        Vec::<String>::new()
    );
}

#[test]
fn texts_are_checked() {
    check(
        json!({"type": "string", "maxLength": 2}),
        json!("äöü"),
        &["x: Too long: may not be more than 2 bytes"],
    );
    check(
        json!({"type": "string", "minLength": 2}),
        json!("ä"),
        &[r#"x: Invalid value: "ä": x in body should be at least 2 chars long"#],
    );
    check(
        json!({"type": "string", "pattern": "^a+$"}),
        json!("ab"),
        &[r#"x: Invalid value: "ab": x in body should match '^a+$'"#],
    );
    check(
        json!({"type": "string", "format": "date-time"}),
        json!(5),
        &[r#"x: Invalid value: "int64": x in body must be of type date-time: "int64""#],
    );
    check(
        json!({"type": "string", "format": "unheard-of"}),
        json!("anything"),
        &[],
    );
    check(
        json!({"type": "string"}),
        json!(null),
        &[r#"x: Invalid value: "null": x in body must be of type string: "null""#],
    );
}

#[test]
fn numbers_are_checked() {
    check(
        json!({"type": "integer", "maximum": 5, "exclusiveMaximum": true}),
        json!(5),
        &["x: Invalid value: 5: x in body should be less than 5"],
    );
    check(
        json!({"type": "number", "minimum": 0.5}),
        json!(0.25),
        &["x: Invalid value: 0.25: x in body should be greater than or equal to 0.5"],
    );
    check(
        json!({"type": "integer", "multipleOf": 5}),
        json!(7),
        &["x: Invalid value: 7: x in body should be a multiple of 5"],
    );
    check(json!({"type": "number", "multipleOf": 0.1}), json!(0.3), &[]);
    // A whole number is held against a whole factor, which may be none.
    check(
        json!({"type": "number", "multipleOf": 0.5}),
        json!(3),
        &["x: Invalid value: 0: factor MultipleOf declared for x must be positive: 0"],
    );
    check(
        json!({"type": "integer", "format": "int32"}),
        json!(3_000_000_000_i64),
        &[r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in x"#],
    );
    check(
        json!({"type": "integer", "format": "int64"}),
        json!(i64::MAX),
        &[],
    );
    check(
        json!({"type": "number", "enum": [1, 2.5]}),
        json!(3),
        &[r#"x: Unsupported value: 3: supported values: "1", "2.5""#],
    );
    check(json!({"type": "number", "enum": [1, 2.5]}), json!(2.5), &[]);
}

#[test]
fn lists_and_objects_are_checked() {
    let items = json!({"type": "string"});
    check(
        json!({"type": "array", "minItems": 2, "items": items}),
        json!(["a"]),
        &["x: Invalid value: 1: x in body should have at least 2 items"],
    );
    check(
        json!({"type": "array", "maxItems": 1, "items": items}),
        json!(["a", "b"]),
        &["x: Too many: 2: must have at most 1 item"],
    );
    check(
        json!({"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer"}}),
        json!({"a": 1, "b": "c"}),
        &[
            "x: Too many: 2: must have at most 1 item",
            r#"x.b: Invalid value: "string": x.b in body must be of type integer: "string""#,
        ],
    );
    check(
        json!({"type": "object", "minProperties": 1, "additionalProperties": true}),
        json!({}),
        &["x: Invalid value: 0: x in body should have at least 1 properties"],
    );
}

#[test]
fn junctors_tell_what_came_nearest() {
    let properties = json!({"a": {"type": "string"}, "b": {"type": "string"}});
    let one_of = json!({"type": "object", "properties": properties, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    check(
        one_of.clone(),
        json!({}),
        &[
            r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid"#,
            "x.a: Required value",
        ],
    );
    check(
        one_of.clone(),
        json!({"a": "1", "b": "2"}),
        &[
            r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    check(one_of, json!({"a": "1"}), &[]);
    check(
        json!({"type": "integer", "anyOf": [{"minimum": 10}, {"maximum": 2}]}),
        json!(5),
        &[
            r#"<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)"#,
            "x: Invalid value: 5: x in body should be greater than or equal to 10",
        ],
    );
    check(
        json!({"type": "integer", "allOf": [{"minimum": 10}, {"maximum": 20}]}),
        json!(5),
        &[
            "x: Invalid value: 5: x in body should be greater than or equal to 10",
            r#"<nil>: Invalid value: "": "x" must validate all the schemas (allOf)"#,
        ],
    );
    check(
        json!({"type": "integer", "not": {"enum": [5]}}),
        json!(5),
        &[r#"<nil>: Invalid value: "": "x" must not validate the schema (not)"#],
    );
}

#[test]
fn what_did_not_change_may_stay_wrong() {
    let widget = widget();
    let update = |new: Value, old: Value| {
        texts(&widget.validate_update(&json!({"spec": new}), &json!({"spec": old}), &Path::root()))
    };
    let wrong = json!({"size": 0, "color": "red"});
    assert_eq!(
        update(json!({"size": 0, "color": "blue"}), wrong.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        update(json!({"size": -1, "color": "red"}), wrong),
        ["spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 1"]
    );
    // Items of keyed lists by their keys; those of others only if the list is what it was.
    assert_eq!(
        update(json!({"list": [5]}), json!({"list": [5]})),
        Vec::<String>::new()
    );
    assert_eq!(
        update(json!({"list": [5, "a"]}), json!({"list": [5]})),
        [r#"spec.list[0]: Invalid value: "integer": spec.list[0] in body must be of type string: "integer""#]
    );
    let item = |name: &str, v: Value| json!({"name": name, "kind": "k", "v": v});
    assert_eq!(
        update(
            json!({"mapList": [item("b", json!("x")), item("a", json!("x"))]}),
            json!({"mapList": [item("a", json!("x"))]}),
        ),
        [
            r#"spec.mapList[0].v: Invalid value: "string": spec.mapList[0].v in body must be of type integer: "string""#
        ]
    );
    assert_eq!(
        update(json!({"setList": [5, "a"]}), json!({"setList": [5]})).len(),
        1
    );
}

#[test]
fn lists_have_no_duplicates() {
    let check = |spec: Value, expected: &[&str]| {
        assert_eq!(
            texts(&widget().validate_lists(&json!({"spec": spec}), None)),
            expected
        );
    };
    check(json!({"setList": ["x", "y"], "list": ["x", "x"]}), &[]);
    check(
        json!({"setList": ["x", "x", "x"]}),
        &[r#"spec.setList[1]: Duplicate value: "x""#],
    );
    check(
        json!({"mapList": [{"name": "a", "kind": "Plain"}, {"name": "a", "kind": "Plain"}]}),
        &[r#"spec.mapList[1]: Duplicate value: {"kind":"Plain","name":"a"}"#],
    );
    check(
        json!({"mapList": [{"name": "a"}, {"name": "a", "kind": "Plain"}]}),
        &[],
    );
    check(
        json!({"mapList": [{"name": "a"}, 5]}),
        &["spec.mapList[1]: Invalid value: 5: must be an object for an array of list-type map"],
    );
    let wrong = json!({"spec": {"setList": ["x", "x"]}});
    assert!(widget().validate_lists(&wrong, Some(&wrong)).is_empty());
}

#[test]
fn embedded_objects_say_what_they_are() {
    let check = |template: Value, expected: &[&str]| {
        let object = json!({"spec": {"template": template}});
        assert_eq!(texts(&widget().validate_embedded(&object)), expected);
    };
    check(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}),
        &[],
    );
    check(
        json!({"kind": "Pod"}),
        &["spec.template.apiVersion: Required value"],
    );
    check(
        json!({"apiVersion": "a/b/c", "kind": "Pod", "metadata": {"labels": {"a b": "c"}}}),
        &[
            r#"spec.template.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
            r#"spec.template.metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#,
        ],
    );
}

#[test]
fn everything_is_told_of_an_object_in_order() {
    let scale = ScalePaths {
        spec_replicas: ".spec.replicas".to_owned(),
        status_replicas: ".status.replicas".to_owned(),
        label_selector: None,
    };
    let check = |object: Value, expected: &[&str]| {
        assert_eq!(
            texts(&resource::validate(&widget(), Some(&scale), &object)),
            expected
        );
    };
    let object = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": spec});
    check(object(json!({})), &[]);
    check(
        json!({"apiVersion": "example.com/v2", "kind": "Gadget"}),
        &[
            r#"kind: Invalid value: "Gadget": must be Widget"#,
            r#"apiVersion: Invalid value: "example.com/v2": must be example.com/v1"#,
        ],
    );
    check(
        object(json!({"replicas": "2", "setList": ["a", "a"], "template": {"kind": "Pod"}})),
        &[
            r#"spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string""#,
            ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 2 is of the type string, expected int64",
            "spec.template.apiVersion: Required value",
            r#"spec.setList[1]: Duplicate value: "a""#,
        ],
    );
}
