//! Tables of definitions, right and wrong.

use crate::testing::{create_errors, defaulted, room, update_errors};
use serde_json::{Value, json};

const GROUP: &str = "apiextensions.k8s.io";
const PLURAL: &str = "customresourcedefinitions";

fn definition() -> Value {
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    })
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut definition = definition();
    for (pointer, value) in changes {
        let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
        let parent = definition.pointer_mut(parent).expect("a place");
        match parent {
            Value::Object(fields) => {
                fields.insert(last.to_owned(), value.clone());
            }
            Value::Array(items) => items.push(value.clone()),
            other => panic!("{other} has no {last}"),
        }
    }
    definition
}

fn check(changes: &[(&str, Value)], expected: &[&str]) {
    assert_eq!(
        create_errors(GROUP, PLURAL, with(changes)),
        expected,
        "{changes:?}"
    );
}

fn schema(schema: Value, expected: &[&str]) {
    let place = "spec.validation.openAPIV3Schema";
    let expected: Vec<String> = expected.iter().map(|error| format!("{place}{error}")).collect();
    let definition = with(&[("/spec/versions/0/schema/openAPIV3Schema", schema)]);
    assert_eq!(create_errors(GROUP, PLURAL, definition), expected);
}

/// A schema with one field.
fn of_field(field: Value) -> Value {
    json!({"type": "object", "properties": {"x": field}})
}

#[test]
fn names_follow_from_the_kind() {
    let mut object = defaulted(GROUP, PLURAL, definition());
    assert_eq!(object["spec"]["names"]["singular"], "widget");
    assert_eq!(object["spec"]["names"]["listKind"], "WidgetList");
    assert_eq!(object["spec"]["conversion"], json!({"strategy": "None"}));
    room(GROUP, PLURAL).prepare_for_create(&mut object);
    assert_eq!(object["status"]["storedVersions"], json!(["v1"]));
}

#[test]
fn names_and_scope_are_checked() {
    check(&[], &[]);
    check(&[("/spec/scope", json!("Cluster"))], &[]);
    check(
        &[("/spec/scope", json!("Galaxy"))],
        &[r#"spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced""#],
    );
    check(&[("/spec/scope", json!(""))], &["spec.scope: Required value"]);
    check(
        &[("/metadata/name", json!("x"))],
        &[r#"metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group"#],
    );
    check(
        &[("/spec/names/listKind", json!("Widget"))],
        &[r#"spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same"#],
    );
    check(
        &[
            ("/spec/group", json!("example")),
            ("/metadata/name", json!("widgets.example")),
        ],
        &[r#"spec.group: Invalid value: "example": should be a domain with at least one dot"#],
    );
}

#[test]
fn versions_are_checked() {
    check(
        &[("/spec/versions/0/schema", json!({}))],
        &["spec.versions[0].schema.openAPIV3Schema: Required value"],
    );
    let second = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}});
    let printed = r#"[{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]"#;
    check(
        &[("/spec/versions/-", second)],
        &[
            &format!("spec.versions: Invalid value: {printed}: must contain unique version names"),
            &format!(
                "spec.versions: Invalid value: {printed}: must have exactly one version marked as storage version"
            ),
        ],
    );
    check(
        &[("/spec/versions/0/deprecationWarning", json!("old"))],
        &[
            r#"spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions"#,
        ],
    );
    // What versions do not share is named where it stands.
    let other = json!({"name": "v2", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}}});
    check(
        &[("/spec/versions/-", other)],
        &[
            "spec.versions[1].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields",
        ],
    );
}

#[test]
fn schemas_are_structural() {
    schema(
        of_field(json!({})),
        &[".properties[x].type: Required value: must not be empty for specified object fields"],
    );
    schema(
        of_field(json!({"type": "text"})),
        &[
            r#".properties[x].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    schema(
        of_field(json!({"type": "string", "$ref": "#/x"})),
        &[".properties[x].$ref: Forbidden: $ref is not supported"],
    );
    schema(
        of_field(json!({"type": "string", "dependencies": {"d": {"type": "odd", "$ref": ""}}})),
        &[
            ".properties[x].dependencies: Forbidden: dependencies is not supported",
            r#".properties[x].dependencies[d].type: Unsupported value: "odd": supported values: "array", "boolean", "integer", "number", "object", "string""#,
            ".properties[x].dependencies[d].$ref: Forbidden: $ref is not supported",
        ],
    );
    schema(of_field(json!({"type": "string", "items": []})), &[]);
    let either = json!([{"type": "integer"}, {"type": "string", "additionalProperties": false}]);
    schema(
        of_field(json!({"x-kubernetes-int-or-string": true, "anyOf": either})),
        &[],
    );
    schema(
        of_field(json!({"type": "string", "not": {"x-kubernetes-list-type": ""}})),
        &[
            ".properties[x].not.x-kubernetes-list-type: Forbidden: must be undefined to be structural",
            ".properties[x].not.type: Required value: must be array if x-kubernetes-list-type is specified",
            r#".properties[x].not.x-kubernetes-list-type: Unsupported value: "": supported values: "atomic", "set", "map""#,
        ],
    );
    schema(
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
        &[".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
    );
    schema(
        json!({"type": "object", "nullable": true}),
        &[".nullable: Forbidden: nullable cannot be true at the root"],
    );
    schema(
        of_field(
            json!({"type": "object", "properties": {"y": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        ),
        &[
            ".properties[x].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ],
    );
    schema(
        of_field(json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}})),
        &[
            ".properties[x].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ],
    );
}

#[test]
fn defaults_are_right_themselves() {
    schema(of_field(json!({"type": "integer", "default": 1})), &[]);
    schema(
        of_field(json!({"type": "integer", "default": "a"})),
        &[r#".properties[x].default: Invalid value: "string":  in body must be of type integer: "string""#],
    );
    schema(
        of_field(json!({"type": "object", "default": {"a": 1}, "properties": {"b": {"type": "string"}}})),
        &[r#".properties[x].default: Invalid value: {"a":1}: must not have unknown fields"#],
    );
    schema(
        json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "default": "a"}}}}}),
        &[".properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata"],
    );
    let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "default": "a/b"}}}}});
    schema(
        of_field(embedded),
        &[
            r#".properties[x].properties[metadata].properties[name].default: Invalid value: "a/b": must result in valid metadata: metadata.name: Invalid value: "a/b": may not contain '/'"#,
        ],
    );
}

#[test]
fn lists_and_maps_are_merged_as_they_can_be() {
    let keyed = |keys: Value, items: Value| {
        of_field(
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items}),
        )
    };
    let item = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}});
    schema(keyed(json!(["a"]), item.clone()), &[]);
    schema(
        keyed(json!(["b"]), item.clone()),
        &[
            ".properties[x].items.properties[b].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ],
    );
    schema(
        keyed(json!(["c"]), item),
        &[
            r#".properties[x].x-kubernetes-list-map-keys: Invalid value: ["c"]: entries must all be names of item properties"#,
        ],
    );
    schema(
        of_field(json!({"type": "string", "x-kubernetes-list-type": "set"})),
        &[
            r#".properties[x].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified"#,
        ],
    );
    schema(
        of_field(json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}})),
        &[
            ".properties[x].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set",
        ],
    );
    schema(
        of_field(json!({"type": "object", "x-kubernetes-map-type": "odd"})),
        &[
            r#".properties[x].x-kubernetes-map-type: Unsupported value: "odd": supported values: "atomic", "granular""#,
        ],
    );
}

#[test]
fn rules_say_what_they_need_to() {
    let rule = |rule: Value| {
        of_field(
            json!({"type": "object", "properties": {"y": {"type": "string"}}, "x-kubernetes-validations": [rule]}),
        )
    };
    schema(
        rule(json!({"rule": "true", "fieldPath": ".y", "reason": "FieldValueRequired"})),
        &[],
    );
    let place = ".properties[x].x-kubernetes-validations[0]";
    schema(
        rule(json!({"rule": " "})),
        &[&format!("{place}.rule: Required value: rule is not specified")],
    );
    schema(
        rule(json!({"rule": "a\nb"})),
        &[&format!(
            "{place}.message: Required value: message must be specified if rule contains line breaks"
        )],
    );
    schema(
        rule(json!({"rule": "true", "reason": "Odd", "fieldPath": ".z"})),
        &[
            &format!(
                r#"{place}.reason: Unsupported value: "Odd": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired""#
            ),
            &format!(r#"{place}.fieldPath: Invalid value: ".z": must be a valid path"#),
        ],
    );
}

#[test]
fn columns_and_subresources_are_checked() {
    check(
        &[(
            "/spec/versions/0/additionalPrinterColumns",
            json!([{"name": "A", "type": "text", "jsonPath": "spec"}]),
        )],
        &[
            r#"spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string"#,
            r#"spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with ."#,
        ],
    );
    check(
        &[(
            "/spec/versions/0/subresources",
            json!({"scale": {"specReplicasPath": ".a.b", "statusReplicasPath": ""}}),
        )],
        &[
            r#"spec.subresources.scale.specReplicasPath: Invalid value: ".a.b": should be a json path under .spec"#,
            "spec.subresources.scale.statusReplicasPath: Required value",
        ],
    );
    check(
        &[(
            "/spec/versions/0/selectableFields",
            json!([{"jsonPath": ".spec.x"}, {"jsonPath": ""}]),
        )],
        &[
            r#"spec.selectableFields[0].jsonPath: Invalid value: ".spec.x": is an invalid path: does not refer to a valid field"#,
            "spec.selectableFields[1].jsonPath: Required value",
        ],
    );
}

#[test]
fn conversion_is_checked() {
    let webhook = |client: Value| json!({"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}});
    check(
        &[(
            "/spec/conversion",
            webhook(json!({"service": {"name": "a", "namespace": "b"}})),
        )],
        &[],
    );
    check(
        &[("/spec/conversion", webhook(json!({})))],
        &["spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required"],
    );
    check(
        &[("/spec/conversion", json!({"strategy": "Webhook"}))],
        &[
            "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
            "spec.conversion.conversionReviewVersions: Required value",
        ],
    );
    check(
        &[(
            "/spec/conversion",
            json!({"strategy": "None", "webhook": {"conversionReviewVersions": ["v1"]}}),
        )],
        &[
            "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
        ],
    );
}

#[test]
fn certificates_of_webhooks_are_checked_once_established() {
    let with_bundle = |bundle: &str, established: &str| {
        let client = json!({"url": "https://a", "caBundle": bundle});
        let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}});
        let mut definition = defaulted(GROUP, PLURAL, with(&[("/spec/conversion", conversion)]));
        room(GROUP, PLURAL).prepare_for_create(&mut definition);
        definition["status"]["conditions"] = json!([{"type": "Established", "status": established}]);
        definition
    };
    let wrong = r#"spec.conversion.webhookClientConfig.caBundle: Invalid value: "YmFk": unable to load root certificates: unable to parse bytes as PEM block"#;
    for (old, established, expected) in [
        ("", "True", vec![wrong.to_owned()]),
        ("", "False", vec![]),
        ("d29yc2U=", "True", vec![]),
    ] {
        let (new, old) = (with_bundle("YmFk", established), with_bundle(old, established));
        assert_eq!(update_errors(GROUP, PLURAL, &new, &old), expected);
    }
}

#[test]
fn what_definitions_of_old_did_may_not_be_begun() {
    let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://a"}, "conversionReviewVersions": ["v1"]}});
    check(
        &[
            ("/spec/preserveUnknownFields", json!(true)),
            ("/spec/conversion", conversion),
        ],
        &[
            r#"spec.conversion.strategy: Invalid value: "Webhook": must be None if spec.preserveUnknownFields is true"#,
            "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        ],
    );
    check(
        &[("/spec/versions", json!([]))],
        &[
            "spec.versions: Invalid value: []: must have exactly one version marked as storage version",
            "status.storedVersions: Invalid value: null: must have at least one stored version",
        ],
    );
}

#[test]
fn what_is_stored_stays_readable() {
    let mut old = defaulted(GROUP, PLURAL, definition());
    room(GROUP, PLURAL).prepare_for_create(&mut old);
    old["status"]["conditions"] = json!([{"type": "Established", "status": "True"}]);
    let update = |pointer: &str, value: Value| {
        let mut new = old.clone();
        *new.pointer_mut(pointer).expect("a place") = value;
        update_errors(GROUP, PLURAL, &new, &old)
    };
    assert_eq!(
        update("/spec/scope", json!("Cluster")),
        [r#"spec.scope: Invalid value: "Cluster": field is immutable"#]
    );
    assert_eq!(
        update("/spec/versions/0/name", json!("v2")),
        [
            r#"status.storedVersions: Invalid value: ["v1"]: must have the storage version v2"#,
            r#"status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions"#,
        ]
    );
}

#[test]
fn unknown_formats_are_told() {
    let with_format = |format: &str| {
        let field = of_field(json!({"type": "string", "format": format}));
        with(&[("/spec/versions/0/schema/openAPIV3Schema", field)])
    };
    let room = room(GROUP, PLURAL);
    assert_eq!(
        room.warnings(&with_format("odd"), None),
        [r#"unrecognized format "odd""#]
    );
    assert!(room.warnings(&with_format("date-time"), None).is_empty());
    assert!(
        room.warnings(&with_format("odd"), Some(&with_format("odd")))
            .is_empty()
    );
}

#[test]
fn groups_of_the_project_need_consent() {
    let of_group = |annotations: Value| {
        let mut definition = with(&[
            ("/spec/group", json!("x.k8s.io")),
            ("/metadata/name", json!("widgets.x.k8s.io")),
        ]);
        definition["metadata"]["annotations"] = annotations;
        create_errors(GROUP, PLURAL, definition)
    };
    assert!(of_group(json!({"api-approved.kubernetes.io": "https://github.com/x"})).is_empty());
    assert!(of_group(json!({"api-approved.kubernetes.io": "unapproved, a test"})).is_empty());
    assert_eq!(
        of_group(json!({})),
        [
            r#"metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111"#
        ]
    );
}

#[test]
fn small_structures_are_printed_as_upstream_holds_them() {
    let definition = with(&[
        (
            "/spec/versions/0/subresources",
            json!({"status": {}, "scale": {"specReplicasPath": ".spec.x"}}),
        ),
        (
            "/spec/versions/0/additionalPrinterColumns",
            json!([{"name": "a", "type": "string", "jsonPath": ".c"}]),
        ),
        (
            "/spec/versions/0/schema",
            json!({"openAPIV3Schema": {
                "type": "object", "externalDocs": {"url": "u"}, "x-kubernetes-validations": [{"rule": "true"}],
            }}),
        ),
        ("/spec/versions/-", json!({"name": "v2"})),
    ]);
    let printed =
        crate::apiextensions::printed::versions(&crate::apiextensions::shared::Shared::of(&definition));
    for part in [
        r#""Subresources":{"Status":{},"Scale":{"SpecReplicasPath":".spec.x","StatusReplicasPath":"","LabelSelectorPath":null}}"#,
        r#""AdditionalPrinterColumns":[{"Name":"a","Type":"string","Format":"","Description":"","Priority":0,"JSONPath":".c"}]"#,
        r#""ExternalDocs":{"Description":"","URL":"u"}"#,
        r#""XValidations":[{"Rule":"true","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}]"#,
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}

#[test]
fn the_version_to_store_is_stored_at_least() {
    let mut definition = definition();
    definition["status"] = json!({});
    let with_defaults = crate::testing::defaulted(GROUP, PLURAL, definition);
    assert_eq!(with_defaults["status"]["storedVersions"], json!(["v1"]));
}

#[test]
fn what_must_stay_is_told_before_what_is_stored() {
    let old = with(&[("/status", json!({"storedVersions": ["v1"]}))]);
    let new = with(&[
        ("/spec/group", json!("other.example.com")),
        ("/spec/versions/0/name", json!("v-_")),
        ("/status", json!({"storedVersions": ["v1"]})),
    ]);
    let errors = update_errors(
        GROUP,
        PLURAL,
        &defaulted(GROUP, PLURAL, new),
        &defaulted(GROUP, PLURAL, old),
    );
    let places: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.split(": ").next())
        .collect();
    assert_eq!(
        places,
        [
            "spec.versions[0].name",
            "spec.version",
            "spec.group",
            "status.storedVersions",
            "status.storedVersions[0]"
        ]
    );
}

#[test]
fn a_webhook_that_says_nothing_is_none() {
    for (webhook, expected) in [
        (json!({}), Value::Null),
        (json!({"conversionReviewVersions": null}), Value::Null),
        (
            json!({"conversionReviewVersions": ["v1"]}),
            json!({"conversionReviewVersions": ["v1"]}),
        ),
    ] {
        let conversion = json!({"strategy": "None", "webhook": webhook});
        let definition = defaulted(GROUP, PLURAL, with(&[("/spec/conversion", conversion)]));
        assert_eq!(definition["spec"]["conversion"]["webhook"], expected);
    }
}
