//! What holds for every schema and value.

use proptest::prelude::*;

use super::*;

/// Any JSON with few names, so that schemas and values speak of the same.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A schema that may be structural, with a default at some places.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string", "maxLength": 1})),
        Just(json!({"type": "string", "default": "a", "enum": ["a", "b"]})),
        Just(json!({"type": "integer", "minimum": 0, "default": 1})),
        Just(json!({"type": "number", "nullable": true})),
        Just(json!({"type": "boolean"})),
        Just(json!({"x-kubernetes-int-or-string": true})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let properties = prop::collection::btree_map("[abc]", inner.clone(), 0..3);
        prop_oneof![
            (properties, any::<bool>(), any::<bool>()).prop_map(|(properties, free, defaulted)| {
                let properties: serde_json::Map<String, Value> = properties.into_iter().collect();
                let mut schema = json!({"type": "object", "properties": properties});
                if free {
                    schema["x-kubernetes-preserve-unknown-fields"] = true.into();
                }
                if defaulted {
                    schema["default"] = json!({});
                }
                schema
            }),
            inner
                .clone()
                .prop_map(|items| json!({"type": "array", "items": items, "x-kubernetes-list-type": "set"})),
            inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
        ]
    })
}

proptest! {
    #[test]
    fn pruning_twice_takes_no_more(schema in schema(), value in value()) {
        let schema = of_field(schema);
        let mut object = json!({"x": value});
        schema.prune(&mut object);
        let once = object.clone();
        prop_assert!(schema.prune(&mut object).is_empty());
        prop_assert_eq!(object, once);
    }

    #[test]
    fn defaults_are_put_in_once(schema in schema(), value in value()) {
        let schema = of_field(schema);
        let mut object = json!({"x": value});
        schema.drop_nulls(&mut object);
        schema.default(&mut object);
        let once = object.clone();
        schema.drop_nulls(&mut object);
        schema.default(&mut object);
        prop_assert_eq!(object, once);
    }

    /// Defaults of these schemas are right by themselves, so that they make nothing wrong that was not.
    #[test]
    fn defaults_keep_objects_valid(schema in schema(), value in value()) {
        let schema = of_field(schema);
        let mut object = json!({"x": value});
        schema.prune(&mut object);
        schema.drop_nulls(&mut object);
        let before = schema.validate(&object, &Path::root());
        schema.default(&mut object);
        let after = schema.validate(&object, &Path::root());
        prop_assert!(!before.is_empty() || after.is_empty(), "{:?}", after);
    }

    /// A change that changes nothing is never refused for values that an object of the kind may have.
    #[test]
    fn nothing_new_is_wrong_with_what_did_not_change(schema in schema(), value in value()) {
        let schema = of_field(schema);
        let mut object = json!({"x": value});
        schema.prune(&mut object);
        let has_free = format!("{:?}", schema.root()).contains("preserves_unknown: true");
        let errors = schema.validate_update(&object, &object, &Path::root());
        prop_assert!(has_free || errors.is_empty(), "{:?}", errors);
    }

    #[test]
    fn decoding_never_panics(schema in schema(), value in value()) {
        let schema = of_field(schema);
        let object = json!({"apiVersion": "a/v1", "kind": "K", "metadata": value, "x": value});
        let _ = crate::decode_value(object.clone(), schema.position(), crate::FieldValidation::Warn);
        let _ = schema.validate(&object, &Path::root());
        let _ = schema.validate_embedded(&object);
        let _ = schema.validate_lists(&object, None);
    }
}
