//! What is no structural schema.

use super::*;

fn check(schema: Value, expected: &[&str]) {
    let errors = violations(&schema, &Path::new("s"));
    assert_eq!(texts(&errors), expected, "{schema}");
}

#[test]
fn every_field_has_a_type() {
    check(json!({"type": "object"}), &[]);
    check(
        json!({}),
        &["s.type: Required value: must not be empty at the root"],
    );
    check(
        json!({"type": "string"}),
        &[r#"s.type: Invalid value: "string": must be object at the root"#],
    );
    check(
        json!({"type": "object", "properties": {"a": {}, "b": {"type": "array"}, "c": {"type": "array", "items": {}}}}),
        &[
            "s.properties[a].type: Required value: must not be empty for specified object fields",
            "s.properties[b].items: Required value: must be specified",
            "s.properties[c].items.type: Required value: must not be empty for specified array items",
        ],
    );
    check(
        json!({"type": "object", "properties": {
            "a": {"x-kubernetes-int-or-string": true}, "b": {"x-kubernetes-preserve-unknown-fields": true}}}),
        &[],
    );
    check(
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        &["s.additionalProperties: Forbidden: must not be used at the root"],
    );
}

#[test]
fn junctors_only_restrict() {
    check(
        json!({"type": "object", "properties": {"a": {"type": "string", "anyOf": [
            {"type": "string", "description": "d", "default": 1, "x-kubernetes-list-type": "set"}]}}}),
        &[
            "s.properties[a].anyOf[0].default: Forbidden: must be undefined to be structural",
            "s.properties[a].anyOf[0].description: Forbidden: must be empty to be structural",
            "s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
            "s.properties[a].anyOf[0].x-kubernetes-list-type: Forbidden: must be undefined to be structural",
        ],
    );
    check(
        json!({"type": "object", "not": {"externalDocs": {"url": "u"}}}),
        &[],
    );
    check(
        json!({"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}]}}}),
        &[],
    );
    check(
        json!({"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": true,
            "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"minimum": 1}]}}}),
        &[],
    );
    check(
        json!({"type": "object", "anyOf": [{"properties": {"a": {"minimum": 1}}}]}),
        &["s.properties[a]: Required value: because it is defined in s.anyOf[0].properties[a]"],
    );
    check(
        json!({"type": "object", "not": {"properties": {"metadata": {}}}}),
        &[
            "s.not.properties[metadata]: Forbidden: must not be specified in a nested context",
            "s.properties[metadata]: Required value: because it is defined in s.not.properties[metadata]",
        ],
    );
}

#[test]
fn metadata_is_not_to_be_described() {
    let names = json!({"type": "object", "properties": {"name": {"type": "string", "pattern": "^a"}}});
    check(json!({"type": "object", "properties": {"metadata": names}}), &[]);
    check(
        json!({"type": "object", "properties": {"metadata": {"type": "object"}, "kind": {"type": "string"}}}),
        &[],
    );
    check(
        json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}},
            "kind": {"type": "integer"}}}),
        &[
            r#"s.properties[kind].type: Invalid value: "integer": must be string"#,
            "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ],
    );
}

#[test]
fn embedded_objects_are_objects() {
    let embedded = |more: Value| {
        let mut schema = json!({"x-kubernetes-embedded-resource": true});
        schema
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        json!({"type": "object", "properties": {"a": schema}})
    };
    check(
        embedded(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
        &[],
    );
    check(
        embedded(json!({})),
        &[
            "s.properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
            "s.properties[a].type: Required value: must be object if x-kubernetes-embedded-resource is true",
        ],
    );
    check(
        embedded(
            json!({"x-kubernetes-int-or-string": true, "type": "object", "properties": {"x": {"type": "string"}}}),
        ),
        &[
            r#"s.properties[a].x-kubernetes-embedded-resource: Invalid value: true: must be false if x-kubernetes-int-or-string is true"#,
        ],
    );
}

#[test]
fn patterns_are_regular() {
    check(
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
        &[
            r#"s.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`"#,
        ],
    );
}

#[test]
fn what_schemas_may_not_say_is_told() {
    for (schema, expected) in [
        (
            json!({"type": "object", "$ref": "#/x"}),
            "<nil>: Invalid value: \"\": OpenAPIV3Schema '$ref' is not supported",
        ),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
            "<nil>: Invalid value: \"\": internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined",
        ),
    ] {
        let errors = StructuralSchema::parse(&schema)
            .map(|_| ())
            .map_err(|errors| texts(&errors));
        assert_eq!(errors, Err(vec![expected.to_owned()]));
    }
}

#[test]
fn empty_words_say_nothing() {
    for (field, value, expected) in [
        ("$ref", json!(""), None),
        (
            "$ref",
            json!("a"),
            Some("OpenAPIV3Schema '$ref' is not supported"),
        ),
        ("dependencies", json!({}), None),
        ("definitions", json!({}), None),
        (
            "additionalItems",
            json!({}),
            Some("OpenAPIV3Schema 'additionalItems' is not supported"),
        ),
        (
            "additionalItems",
            json!(false),
            Some("OpenAPIV3Schema 'additionalItems' is not supported"),
        ),
    ] {
        let schema = json!({"type": "object", field: value});
        let found = StructuralSchema::read(&schema)
            .err()
            .map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected, "{field}: {value}");
    }
}
