//! The schema of a custom resource as OpenAPI documents have it. They are made of the definition's own JSON, so that
//! descriptions and whatever else it says are published too.

use serde_json::{Map, Value, json};

use super::parse::{flag, list, text};

/// The version 3 form: everything. Numbers or texts are spelled out.
pub fn v3(schema: &Value) -> Value {
    each(schema, &|fields| spell_out(fields))
}

/// The version 2 form: without junctors, and without types where kubectl would be stricter than the server.
pub fn v2(schema: &Value) -> Value {
    each(schema, &|fields| {
        for junctor in ["allOf", "anyOf", "oneOf", "not"] {
            fields.remove(junctor);
        }
        loosen(fields);
    })
}

/// Changes a schema and the schemas within it that say what a value is.
fn each(schema: &Value, change: &impl Fn(&mut Map<String, Value>)) -> Value {
    let Value::Object(given) = schema else {
        return schema.clone();
    };
    let mut fields = given.clone();
    change(&mut fields);
    for field in ["items", "additionalProperties"] {
        if let Some(below) = fields.get_mut(field) {
            *below = each(below, change);
        }
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            *property = each(property, change);
        }
    }
    Value::Object(fields)
}

fn spell_out(fields: &mut Map<String, Value>) {
    let schema = Value::Object(std::mem::take(fields));
    let either = json!([{"type": "integer"}, {"type": "string"}]);
    let first = list(&schema, "allOf").first();
    let is_said =
        schema.get("anyOf") == Some(&either) || first.and_then(|first| first.get("anyOf")) == Some(&either);
    let needs_it = flag(&schema, "x-kubernetes-int-or-string") && !is_said;
    let has_other = !list(&schema, "anyOf").is_empty();
    if let Value::Object(given) = schema {
        *fields = given;
    }
    if !needs_it {
        return;
    }
    if has_other {
        let all_of = fields.entry("allOf").or_insert(json!([]));
        if let Some(all_of) = all_of.as_array_mut() {
            all_of.insert(0, json!({"anyOf": either}));
        }
    } else {
        fields.insert("anyOf".to_owned(), either);
    }
}

fn loosen(fields: &mut Map<String, Value>) {
    let schema = Value::Object(fields.clone());
    let is_nullable = flag(&schema, "nullable");
    let keeps_unknown = flag(&schema, "x-kubernetes-preserve-unknown-fields");
    let kind = text(&schema, "type");
    fields.remove("nullable");
    if is_nullable || keeps_unknown {
        fields.remove("items");
        fields.remove("properties");
    }
    let is_bare_list = kind == "array" && !fields.contains_key("items");
    if is_nullable || is_bare_list || (keeps_unknown && kind == "object") {
        fields.remove("type");
    }
    drop_nullable_from_required(fields);
}

/// Nothing is required that may be null.
fn drop_nullable_from_required(fields: &mut Map<String, Value>) {
    let entries_may_be_null = fields
        .get("additionalProperties")
        .is_some_and(|schema| flag(schema, "nullable"));
    let properties = fields.get("properties").and_then(Value::as_object);
    let may_be_null = |name: &Value| {
        let property = name.as_str().and_then(|name| properties?.get(name));
        property.is_some_and(|property| flag(property, "nullable"))
    };
    let Some(required) = fields.get("required").and_then(Value::as_array) else {
        return;
    };
    let kept: Vec<Value> = required
        .iter()
        .filter(|name| !entries_may_be_null && !may_be_null(name))
        .cloned()
        .collect();
    if kept.is_empty() {
        fields.remove("required");
    } else {
        fields.insert("required".to_owned(), kept.into());
    }
}

/// The fields that every embedded object has, put into a published schema. `properties` are those of whole objects:
/// `apiVersion`, `kind` and `metadata`. Where unknown fields are kept, version 2 does without.
pub fn with_embedded(schema: &mut Value, properties: &Map<String, Value>, is_v2: bool) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    for field in ["items", "additionalProperties"] {
        if let Some(below) = fields.get_mut(field) {
            with_embedded(below, properties, is_v2);
        }
    }
    let declared = fields.get_mut("properties").and_then(Value::as_object_mut);
    for property in declared.into_iter().flat_map(Map::values_mut) {
        with_embedded(property, properties, is_v2);
    }
    let is_said = |name: &str| fields.get(name) == Some(&Value::Bool(true));
    let is_free = is_v2 && is_said("x-kubernetes-preserve-unknown-fields");
    if is_free || !is_said("x-kubernetes-embedded-resource") {
        return;
    }
    put_properties(fields, properties);
    let required = fields.entry("required").or_insert(json!([]));
    if let Some(required) = required.as_array_mut() {
        for name in ["kind", "apiVersion"] {
            if !required.iter().any(|known| known == name) {
                required.push(name.into());
            }
        }
    }
}

/// Puts properties beside those that a schema declares, or in their place.
pub fn put_properties(schema: &mut Map<String, Value>, properties: &Map<String, Value>) {
    let declared = schema.entry("properties").or_insert(json!({}));
    if let Some(declared) = declared.as_object_mut() {
        declared.extend(properties.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_3_says_all() {
        let either = json!([{"type": "integer"}, {"type": "string"}]);
        let port = json!({"x-kubernetes-int-or-string": true});
        assert_eq!(
            v3(&json!({"type": "object", "properties": {"port": port}, "not": {"required": ["x"]}})),
            json!({"type": "object", "not": {"required": ["x"]}, "properties": {
                "port": {"x-kubernetes-int-or-string": true, "anyOf": either}}})
        );
        assert_eq!(
            v3(&json!({"x-kubernetes-int-or-string": true, "anyOf": [{"minimum": 1}]})),
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"minimum": 1}], "allOf": [{"anyOf": either}]})
        );
    }

    #[test]
    fn version_2_says_what_kubectl_takes() {
        assert_eq!(
            v2(
                &json!({"type": "object", "required": ["a", "b"], "oneOf": [{}], "properties": {
                "a": {"type": "string", "nullable": true},
                "b": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"c": {"type": "string"}}},
                "d": {"type": "array", "items": {"type": "string"}}}})
            ),
            json!({"type": "object", "required": ["b"], "properties": {
                "a": {},
                "b": {"x-kubernetes-preserve-unknown-fields": true},
                "d": {"type": "array", "items": {"type": "string"}}}})
        );
    }

    #[test]
    fn embedded_objects_have_the_fields_of_objects() {
        let properties = json!({"kind": {"type": "string"}});
        let mut schema =
            json!({"properties": {"t": {"type": "object", "x-kubernetes-embedded-resource": true}}});
        with_embedded(&mut schema, properties.as_object().expect("an object"), true);
        assert_eq!(
            schema["properties"]["t"],
            json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"kind": {"type": "string"}},
                "required": ["kind", "apiVersion"]})
        );
    }
}
