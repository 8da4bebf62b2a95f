//! Descriptions in schemas, as far as somebody knows them.

use serde_json::{Map, Value, json};

use super::Dialect;

/// Knows what types and their fields mean.
pub trait Describe {
    /// What is said of a type, by its OpenAPI name: `io.k8s.api.core.v1.Pod`.
    fn of_type(&self, name: &str) -> Option<&str>;

    /// What is said of a field of a type.
    fn of_field(&self, type_name: &str, field: &str) -> Option<&str>;
}

/// Knows nothing: documents without descriptions.
impl Describe for () {
    fn of_type(&self, _name: &str) -> Option<&str> {
        None
    }

    fn of_field(&self, _type_name: &str, _field: &str) -> Option<&str> {
        None
    }
}

/// Puts the descriptions of the type of that name into its schema.
pub(super) fn describe(
    schema: &mut Map<String, Value>,
    name: &str,
    descriptions: &dyn Describe,
    dialect: Dialect,
) {
    if let Some(text) = descriptions.of_type(name) {
        schema.insert("description".to_owned(), text.into());
    }
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (field, value) in fields.into_iter().flatten() {
        if let (Some(text), Some(value)) = (descriptions.of_field(name, field), value.as_object_mut()) {
            describe_field(value, text, dialect);
        }
    }
}

/// OpenAPI 3.0 ignores what stands beside a reference, unless that is wrapped.
fn describe_field(field: &mut Map<String, Value>, text: &str, dialect: Dialect) {
    if dialect == Dialect::V3
        && let Some(reference) = field.remove("$ref")
    {
        field.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
    field.insert("description".to_owned(), text.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Knows;

    impl Describe for Knows {
        fn of_type(&self, name: &str) -> Option<&str> {
            (name == "T").then_some("A type.")
        }

        fn of_field(&self, type_name: &str, field: &str) -> Option<&str> {
            (type_name == "T" && field != "unknown").then_some("A field.")
        }
    }

    #[test]
    fn references_are_wrapped_where_they_must_be() {
        let schema = json!({ "properties": {
            "plain": { "type": "string" },
            "other": { "$ref": "#/x" },
            "unknown": { "$ref": "#/y" },
        } });
        let described = |dialect| {
            let mut schema = schema.as_object().cloned().expect("an object");
            describe(&mut schema, "T", &Knows, dialect);
            Value::Object(schema)
        };
        let fields = |other: Value| {
            json!({ "description": "A type.", "properties": {
                "plain": { "type": "string", "description": "A field." },
                "other": other,
                "unknown": { "$ref": "#/y" },
            } })
        };
        let wrapped = json!({ "allOf": [{ "$ref": "#/x" }], "description": "A field." });
        assert_eq!(described(Dialect::V3), fields(wrapped));
        let beside = json!({ "$ref": "#/x", "description": "A field." });
        assert_eq!(described(Dialect::V2), fields(beside));
    }
}
