//! Definitions as upstream prints them in messages: as it holds them, every field by its name in Go, what all versions
//! share left out of each.

use meta::GroupVersionKind;
use schema::SchemaRef;
use serde_json::Value;

use super::shared::Shared;
use crate::toolkit::go;

/// What a field is printed as if nothing was given.
#[derive(Clone, Copy)]
enum Absent {
    Null,
    Empty,
    False,
}

use Absent::{Empty, False, Null};

/// The fields of a schema, in the order upstream holds them.
const SCHEMA: [(&str, &str, Absent); 43] = [
    ("id", "ID", Empty),
    ("$schema", "Schema", Empty),
    ("$ref", "Ref", Null),
    ("description", "Description", Empty),
    ("type", "Type", Empty),
    ("nullable", "Nullable", False),
    ("format", "Format", Empty),
    ("title", "Title", Empty),
    ("default", "Default", Null),
    ("maximum", "Maximum", Null),
    ("exclusiveMaximum", "ExclusiveMaximum", False),
    ("minimum", "Minimum", Null),
    ("exclusiveMinimum", "ExclusiveMinimum", False),
    ("maxLength", "MaxLength", Null),
    ("minLength", "MinLength", Null),
    ("pattern", "Pattern", Empty),
    ("maxItems", "MaxItems", Null),
    ("minItems", "MinItems", Null),
    ("uniqueItems", "UniqueItems", False),
    ("multipleOf", "MultipleOf", Null),
    ("enum", "Enum", Null),
    ("maxProperties", "MaxProperties", Null),
    ("minProperties", "MinProperties", Null),
    ("required", "Required", Null),
    ("items", "Items", Null),
    ("allOf", "AllOf", Null),
    ("oneOf", "OneOf", Null),
    ("anyOf", "AnyOf", Null),
    ("not", "Not", Null),
    ("properties", "Properties", Null),
    ("additionalProperties", "AdditionalProperties", Null),
    ("patternProperties", "PatternProperties", Null),
    ("dependencies", "Dependencies", Null),
    ("additionalItems", "AdditionalItems", Null),
    ("definitions", "Definitions", Null),
    ("externalDocs", "ExternalDocs", Null),
    ("example", "Example", Null),
    (
        "x-kubernetes-preserve-unknown-fields",
        "XPreserveUnknownFields",
        Null,
    ),
    ("x-kubernetes-embedded-resource", "XEmbeddedResource", False),
    ("x-kubernetes-int-or-string", "XIntOrString", False),
    ("x-kubernetes-list-map-keys", "XListMapKeys", Null),
    ("x-kubernetes-list-type", "XListType", Null),
    ("x-kubernetes-map-type", "XMapType", Null),
];

/// The versions of a definition.
pub fn versions(shared: &Shared) -> String {
    let versions: Vec<String> = shared
        .versions()
        .iter()
        .map(|version| self::version(version, shared))
        .collect();
    format!("[{}]", versions.join(","))
}

fn version(version: &Value, shared: &Shared) -> String {
    let flag = |field: &str| version[field] == Value::Bool(true);
    let own = |field: &str| {
        version
            .get(field)
            .filter(|value| !value.is_null() && !shared.has_in_common(field))
    };
    let shown = |field: &str| own(field).map_or("null".to_owned(), |value| small(value, &[field]));
    let schema = own("schema").map_or("null".to_owned(), |holder| {
        let schema = holder
            .get("openAPIV3Schema")
            .map_or("null".to_owned(), self::schema);
        format!("{{\"OpenAPIV3Schema\":{schema}}}")
    });
    format!(
        "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":{schema},\"Subresources\":{},\"AdditionalPrinterColumns\":{},\"SelectableFields\":{}}}",
        Value::from(version["name"].as_str().unwrap_or("")),
        flag("served"),
        flag("storage"),
        flag("deprecated"),
        version["deprecationWarning"],
        shown("subresources"),
        shown("additionalPrinterColumns"),
        shown("selectableFields"),
    )
}

/// A schema.
pub fn schema(schema: &Value) -> String {
    let mut fields: Vec<String> = SCHEMA
        .iter()
        .map(|(field, name, absent)| format!("\"{name}\":{}", field_of(schema, field, *absent)))
        .collect();
    let rules = schema
        .get("x-kubernetes-validations")
        .map_or("null".to_owned(), |rules| {
            of_schema(rules, "x-kubernetes-validations")
        });
    fields.push(format!("\"XValidations\":{rules}"));
    format!("{{{}}}", fields.join(","))
}

fn field_of(schema: &Value, field: &str, absent: Absent) -> String {
    let value = schema.get(field).filter(|value| !value.is_null());
    let Some(value) = value else {
        return match absent {
            Null => "null",
            Empty => "\"\"",
            False => "false",
        }
        .to_owned();
    };
    match field {
        "items" => items(value),
        "additionalProperties" | "additionalItems" => match value.as_bool() {
            Some(allows) => format!("{{\"Allows\":{allows},\"Schema\":null}}"),
            None => format!("{{\"Allows\":true,\"Schema\":{}}}", self::schema(value)),
        },
        "allOf" | "oneOf" | "anyOf" => list_of(value.as_array().map_or(&[], Vec::as_slice)),
        "not" => self::schema(value),
        "properties" | "patternProperties" | "definitions" => map_of(value, self::schema),
        "dependencies" => map_of(value, dependency),
        "externalDocs" => of_schema(value, field),
        _ => value.to_string(),
    }
}

/// One schema for all items of a list, or one for each.
pub fn items(value: &Value) -> String {
    match value.as_array() {
        Some(items) => format!("{{\"Schema\":null,\"JSONSchemas\":{}}}", list_of(items)),
        None => format!("{{\"Schema\":{},\"JSONSchemas\":null}}", schema(value)),
    }
}

/// A schema, or names of fields.
fn dependency(value: &Value) -> String {
    match value.as_array() {
        Some(_) => format!("{{\"Schema\":null,\"Property\":{value}}}"),
        None => format!("{{\"Schema\":{},\"Property\":null}}", schema(value)),
    }
}

fn map_of(value: &Value, printed: impl Fn(&Value) -> String) -> String {
    let entries = value.as_object().into_iter().flatten();
    let entries: Vec<String> = entries
        .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), printed(value)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn list_of(schemas: &[Value]) -> String {
    let schemas: Vec<String> = schemas.iter().map(schema).collect();
    format!("[{}]", schemas.join(","))
}

/// Small structures within a schema.
fn of_schema(value: &Value, field: &str) -> String {
    small(value, &["schema", "openAPIV3Schema", field])
}

/// Small structures within a version, at these fields.
fn small(value: &Value, fields: &[&str]) -> String {
    let version = |definition: SchemaRef<'static>| definition.field("spec")?.field("versions")?.element();
    let definition = GroupVersionKind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let version = schema::builtin(&definition).and_then(version);
    let place = fields
        .iter()
        .try_fold(version, |place, field| Some(place?.field(field)));
    go::printed(Some(value), place.flatten())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dependencies_are_schemas_or_names() {
        let printed = schema(&json!({"dependencies": {"a": {"title": "t"}, "b": ["c"]}}));
        let nested = schema(&json!({"title": "t"}));
        let expected = format!(
            r#""Dependencies":{{"a":{{"Schema":{nested},"Property":null}},"b":{{"Schema":null,"Property":["c"]}}}}"#
        );
        assert!(printed.contains(&expected), "{printed}");
    }
}
