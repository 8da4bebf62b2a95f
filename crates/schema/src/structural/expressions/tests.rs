//! Rules of schemas: what definitions and objects are told.

use meta::{ErrorList, Path};
use serde_json::{Value, json};

use super::{Answer, Rules, violations};
use crate::StructuralSchema;

/// A schema whose `spec` has one field of each sort.
fn schema(change: impl FnOnce(&mut Value)) -> StructuralSchema {
    let text = json!({"type": "string"});
    let mut schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "x": {"type": "integer"},
        "s": text,
        "texts": {"type": "array", "items": text},
        "few": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 10}},
        "map": {"type": "object", "additionalProperties": text},
        "o": {"type": "object", "properties": {"a": text, "b-c": {"type": "integer"}}},
        "either": {"x-kubernetes-int-or-string": true},
        "when": {"type": "string", "format": "date-time"},
        "nothing": {"type": "string", "nullable": true},
        "namespace": text,
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "required": ["k"], "properties": {"k": text, "v": {"type": "integer"}}}},
    }}}});
    change(&mut schema);
    StructuralSchema::parse(&schema).expect("the schema is structural")
}

fn spec(schema: &mut Value) -> &mut Value {
    &mut schema["properties"]["spec"]
}

fn with_rule(rule: &Value) -> StructuralSchema {
    schema(|schema| spec(schema)["x-kubernetes-validations"] = json!([rule]))
}

fn object(change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = json!({
        "x": 5, "s": "hello", "texts": ["a", "b"], "few": ["c", "d"], "map": {"a": "x"}, "o": {"a": "q", "b-c": 3},
        "either": "5%", "when": "2021-01-01T00:00:00Z", "nothing": null, "namespace": "n", "set": ["p", "q"],
        "parts": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
    });
    change(&mut spec);
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

fn asked(schema: &StructuralSchema, new: &Value, old: Option<&Value>) -> Answer {
    Rules::compile(schema).ask(schema, &ErrorList::new(), new, old)
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// What a rule of the spec says of the object; nothing if it holds.
fn said(rule: &str) -> String {
    let schema = with_rule(&json!({"rule": rule}));
    texts(&asked(&schema, &object(|_| ()), None).errors).join("; ")
}

#[test]
fn rules_hold_or_tell() {
    for rule in [
        "self.x == 5",
        "self.o.b__dash__c == 3",
        "self.namespace == 'n' && self.__namespace__ == 'n'",
        "!has(self.nothing)",
        "type(self.either) == string && self.either.matches('^[0-9]+%$')",
        "self.when.getFullYear() == 2021",
        "self.set == ['q', 'p']",
        "self.parts.exists(p, p.k == 'a' && p.v == 1)",
        "self.few.all(a, self.few.exists(b, a == b))",
        "self.map.all(k, v, k == 'a' && v == 'x')",
    ] {
        assert_eq!(said(rule), "", "{rule}");
    }
    for (rule, wanted) in [
        ("self.x > 10", "spec: Invalid value: failed rule: self.x > 10"),
        (
            "self.texts[7] == 'q'",
            "spec: Invalid value: \"object\": index out of bounds: 7 evaluating rule: self.texts[7] == 'q'",
        ),
        (
            "self.nothing == 'a'",
            "spec: Invalid value: \"object\": no such key: nothing evaluating rule: self.nothing == 'a'",
        ),
        (
            "self.either > 5",
            "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.either > 5",
        ),
        ("self.x > oldSelf.x", ""),
    ] {
        assert_eq!(said(rule), wanted, "{rule}");
    }
}

#[test]
fn messages_reasons_and_fields_are_those_of_the_rule() {
    for (rule, wanted) in [
        (
            json!({"rule": "self.x > 10", "message": " small "}),
            "spec: Invalid value: small",
        ),
        (
            json!({"rule": "self.x > 10", "messageExpression": "'x is ' + string(self.x)"}),
            "spec: Invalid value: x is 5",
        ),
        (
            json!({"rule": "self.x > 10", "message": "m", "messageExpression": "string(self.x / 0)"}),
            "spec: Invalid value: m",
        ),
        (
            json!({"rule": "self.x > 10", "messageExpression": "' '"}),
            "spec: Invalid value: failed rule: self.x > 10",
        ),
        (
            json!({"rule": "self.x > 10", "messageExpression": "'a\\nb'"}),
            "spec: Invalid value: failed rule: self.x > 10",
        ),
        (
            json!({"rule": "self.x > 10", "reason": "FieldValueForbidden", "message": "m"}),
            "spec: Forbidden: m",
        ),
        (
            json!({"rule": "self.x > 10", "reason": "FieldValueRequired", "fieldPath": ".x", "message": "m"}),
            "spec.x: Required value: m",
        ),
        (
            json!({"rule": "self.x > 10", "reason": "FieldValueDuplicate", "fieldPath": ".o.b-c"}),
            "spec.o.b-c: Duplicate value",
        ),
    ] {
        let schema = with_rule(&rule);
        assert_eq!(
            texts(&asked(&schema, &object(|_| ()), None).errors),
            [wanted],
            "{rule}"
        );
    }
}

#[test]
fn rules_of_changes_see_what_was() {
    let old = object(|spec| {
        spec["x"] = json!(4);
        spec["parts"] = json!([{"k": "b", "v": 2}, {"k": "a", "v": 9}]);
    });
    let schema = schema(|schema| {
        let properties = &mut spec(schema)["properties"];
        properties["x"]["x-kubernetes-validations"] = json!([{"rule": "self < oldSelf"}]);
        properties["parts"]["items"]["x-kubernetes-validations"] = json!([{"rule": "self.v == oldSelf.v"}]);
        properties["few"]["x-kubernetes-validations"] = json!([{"rule": "size(self) > 5"}]);
    });
    let answer = asked(&schema, &object(|_| ()), Some(&old));
    let wanted = [
        "spec.parts[0]: Invalid value: failed rule: self.v == oldSelf.v",
        "spec.x: Invalid value: 5: failed rule: self < oldSelf",
    ];
    assert_eq!(texts(&answer.errors), wanted);
    assert_eq!(
        answer.warnings,
        ["spec.few: Invalid value: failed rule: size(self) > 5"]
    );

    let rule = json!({"rule": "!oldSelf.hasValue() || self.x > oldSelf.value().x", "optionalOldSelf": true});
    let schema = with_rule(&rule);
    assert_eq!(asked(&schema, &object(|_| ()), None).errors, []);
    assert_eq!(asked(&schema, &object(|_| ()), Some(&old)).errors, []);
    let lower = object(|spec| spec["x"] = json!(1));
    assert_eq!(asked(&schema, &lower, Some(&old)).errors.len(), 1);
}

#[test]
fn the_root_has_its_name_and_kind() {
    let schema = schema(|schema| {
        schema["x-kubernetes-validations"] = json!([
            {"rule": "self.metadata.name == 'x'"},
            {"rule": "self.kind == 'Widget' && self.spec.x == 5"},
            {"rule": "self.metadata.name.startsWith(self.spec.s)", "fieldPath": ".spec.s"},
        ]);
    });
    let wanted = [
        "<nil>: Invalid value: failed rule: self.metadata.name == 'x'",
        "spec.s: Invalid value: failed rule: self.metadata.name.startsWith(self.spec.s)",
    ];
    assert_eq!(texts(&asked(&schema, &object(|_| ()), None).errors), wanted);
}

#[test]
fn what_costs_too_much_ends_it() {
    let schema = schema(|schema| {
        spec(schema)["properties"]["big"] =
            json!({"type": "array", "maxItems": 1000, "items": {"type": "integer"}});
        let rule = "self.big.all(a, self.big.all(b, self.big.all(c, a + b + c > 0)))";
        spec(schema)["x-kubernetes-validations"] = json!([{"rule": rule}, {"rule": "false"}]);
    });
    let object = object(|spec| spec["big"] = (1..200).collect());
    let errors = texts(&asked(&schema, &object, None).errors);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].contains("no further validation rules will be run due to call cost exceeds limit for rule")
    );
}

fn defined(schema: &StructuralSchema) -> Vec<String> {
    texts(&violations(schema, &Path::new("schema"), &[]))
}

#[test]
fn definitions_with_wrong_rules_are_told() {
    let shown = |rule: &str| {
        format!(
            "schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {{\"Rule\":\"{rule}\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\"OptionalOldSelf\":null}}: "
        )
    };
    for (rule, in_json, wanted) in [
        (
            "self.y > 0",
            "self.y \\u003e 0",
            "compilation failed: ERROR: <input>:1:5: undefined field 'y'\n | self.y > 0\n | ....^",
        ),
        ("self.x", "self.x", "cel expression must evaluate to a bool"),
        (
            "int('x') == 1",
            "int('x') == 1",
            "program instantiation failed: type conversion error from 'string' to 'int'",
        ),
    ] {
        let schema = with_rule(&json!({"rule": rule}));
        assert_eq!(
            defined(&schema),
            [format!("{}{wanted}", shown(in_json))],
            "{rule}"
        );
    }
    let schema = with_rule(&json!({"rule": "self.x > 1", "optionalOldSelf": true}));
    let wanted = "schema.properties[spec].x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule";
    assert_eq!(defined(&schema), [wanted]);
}

#[test]
fn definitions_with_expensive_rules_are_told() {
    for cheap in [
        "self.texts.all(a, a.startsWith('x'))",
        "self.few.all(a, self.few.all(b, a != b))",
        "self.map.all(k, self.map[k] != '')",
        "self.parts == oldSelf.parts",
    ] {
        assert_eq!(defined(&with_rule(&json!({"rule": cheap}))), [""; 0], "{cheap}");
    }
    let at = "schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: ";
    let advice = "exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
    let wanted = [
        format!("{at}estimated rule cost {advice}"),
        format!(
            "{at}contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        ),
        format!(
            "schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema {advice}"
        ),
    ];
    for expensive in [
        "self.texts.all(a, self.texts.all(b, a != b))",
        "self.s.contains(self.s)",
    ] {
        assert_eq!(
            defined(&with_rule(&json!({"rule": expensive}))),
            wanted,
            "{expensive}"
        );
    }
}

#[test]
fn rules_of_changes_need_parts_that_can_be_told_apart() {
    let schema = schema(|schema| {
        let properties = &mut spec(schema)["properties"];
        properties["few"]["items"]["x-kubernetes-validations"] = json!([{"rule": "self == oldSelf"}]);
        properties["parts"]["items"]["x-kubernetes-validations"] = json!([{"rule": "self == oldSelf"}]);
    });
    let wanted = "schema.properties[spec].properties[few].items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[spec].properties[few]";
    assert_eq!(defined(&schema), [wanted]);
}

#[test]
fn names_of_types_are_as_large_as_the_value() {
    for (field, rule) in [
        ("either", "type(self) == int || self.endsWith('%')"),
        ("x", "type(self) == int"),
    ] {
        let schema = schema(|schema| {
            spec(schema)["properties"][field]["x-kubernetes-validations"] = json!([{"rule": rule}]);
        });
        assert_eq!(defined(&schema), Vec::<String>::new(), "{rule}");
    }
}

#[test]
fn rules_where_something_else_is_wrong_are_left_out() {
    let schema = schema(|schema| {
        for field in ["x", "s"] {
            spec(schema)["properties"][field]["x-kubernetes-validations"] = json!([{"rule": "self.nope"}]);
        }
    });
    let root = Path::new("schema");
    let fields = root.child("properties").key("spec").child("properties");
    let wrong = [fields.key("x").child("type")];
    let told = texts(&violations(&schema, &root, &wrong));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("schema.properties[spec].properties[s].x-kubernetes-validations[0].rule"));
}

#[test]
fn defaults_meet_rules() {
    for (rule, wanted) in [
        (json!({"rule": "self > 0"}), None),
        (
            json!({"rule": "self > 9"}),
            Some("Invalid value: 5: failed rule: self > 9"),
        ),
        (
            json!({"rule": "self > nope"}),
            Some("Invalid value: \"integer\": rule compile error: compilation failed"),
        ),
        // Something new must be right, too.
        (
            json!({"rule": "oldSelf.hasValue()", "optionalOldSelf": true}),
            Some("Invalid value: 5: failed rule: oldSelf.hasValue()"),
        ),
    ] {
        let schema = schema(|schema| {
            let field = &mut spec(schema)["properties"]["x"];
            field["default"] = json!(5);
            field["x-kubernetes-validations"] = json!([rule]);
        });
        let told = texts(&schema.validate_defaults(&Path::new("schema"), false));
        let place = "schema.properties[spec].properties[x].default: ";
        match wanted {
            None => assert_eq!(told, Vec::<String>::new(), "{rule}"),
            Some(wanted) => assert!(told[0].starts_with(&format!("{place}{wanted}")), "{told:?}"),
        }
    }
}

/// As `annotations` of gateways have it, which upstream takes.
#[test]
fn keys_of_maps_cost_nothing() {
    let schema = schema(|schema| {
        spec(schema)["properties"]["map"] = json!({
            "type": "object", "maxProperties": 8, "additionalProperties": {"type": "string", "maxLength": 4096},
            "x-kubernetes-validations": [
                {"rule": "self.all(key, key.matches('^[a-z]+$'))"},
                {"rule": "self.all(key, key.split('/')[0].size() < 253)"},
            ],
        });
    });
    assert_eq!(
        texts(&violations(&schema, &Path::root(), &[])),
        Vec::<String>::new()
    );
}
