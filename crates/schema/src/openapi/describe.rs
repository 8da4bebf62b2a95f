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

/// The options of a delete: what is said of their fields is true of the parameters of that name in all operations.
const OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// Puts what is known of parameters into the item of a path.
pub(super) fn describe_parameters(mut item: Value, descriptions: &dyn Describe) -> Value {
    // Who knows nothing of types does not know what kinds are called, either.
    if descriptions.of_type(OPTIONS).is_none() {
        return item;
    }
    let kind = kind_of(&item).map(str::to_owned);
    for part in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let parameters = match part {
            Value::Object(operation) => operation.get_mut("parameters").and_then(Value::as_array_mut),
            Value::Array(common) => Some(common),
            _ => None,
        };
        for parameter in parameters.into_iter().flatten() {
            if let Some(text) = of_parameter(parameter, kind.as_deref(), descriptions) {
                parameter["description"] = text.into();
            }
        }
    }
    item
}

/// The kind that the operations of a path are about.
fn kind_of(item: &Value) -> Option<&str> {
    let mut parts = item.as_object()?.values();
    parts.find_map(|part| part["x-kubernetes-group-version-kind"]["kind"].as_str())
}

fn of_parameter(parameter: &Value, kind: Option<&str>, descriptions: &dyn Describe) -> Option<String> {
    match (parameter["name"].as_str()?, parameter["in"].as_str()?) {
        ("name", "path") => Some(format!("name of the {}", kind?)),
        (name, "query") => descriptions.of_field(OPTIONS, name).map(str::to_owned),
        _ => None,
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

    /// Knows of one option.
    struct Options;

    impl Describe for Options {
        fn of_type(&self, name: &str) -> Option<&str> {
            (name == OPTIONS).then_some("Options.")
        }

        fn of_field(&self, type_name: &str, field: &str) -> Option<&str> {
            (type_name == OPTIONS && field == "dryRun").then_some("Only pretends.")
        }
    }

    #[test]
    fn parameters_are_described_as_far_as_they_are_known() {
        let item = json!({
            "get": {"parameters": [{"name": "limit", "in": "query"}], "x-kubernetes-group-version-kind": {"kind": "Thing"}},
            "delete": {"parameters": [{"name": "dryRun", "in": "query"}, {"name": "dryRun", "in": "path"}]},
            "parameters": [{"name": "name", "in": "path"}, {"name": "name", "in": "query"}],
        });
        assert_eq!(describe_parameters(item.clone(), &()), item);
        let described = describe_parameters(item, &Options);
        let texts = |pointer: &str| -> Vec<String> {
            let parameters = described.pointer(pointer).and_then(Value::as_array).unwrap();
            let text = |parameter: &Value| parameter["description"].as_str().unwrap_or("-").to_owned();
            parameters.iter().map(text).collect()
        };
        assert_eq!(texts("/get/parameters"), ["-"]);
        assert_eq!(texts("/delete/parameters"), ["Only pretends.", "-"]);
        assert_eq!(texts("/parameters"), ["name of the Thing", "-"]);
    }
}
