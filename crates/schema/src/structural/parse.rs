//! From the JSON of an `openAPIV3Schema` to a structural schema.

use serde_json::{Map, Value};

use super::formats;
use super::node::{Additional, Checks, Node, Rule, TypeName};
use super::properties::Properties;
use crate::reference::ListType;

/// Schemas are not nested deeper; JSON is not read deeper than that either.
const MAX_DEPTH: usize = 128;

/// Why a schema cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A field that JSON schemas may have, and these may not.
    #[error("OpenAPIV3Schema '{0}' is not supported")]
    Unsupported(&'static str),
    /// A schema for each item.
    #[error("OpenAPIV3Schema 'items' must be a schema, but is an array")]
    ItemsArray,
    /// Keeping what is not declared is what this field is for.
    #[error("internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined")]
    PreserveFalse,
    /// The type is none of JSON's.
    #[error("type {0:?} is not known")]
    Type(String),
    /// It goes deeper than any object can.
    #[error("schema is nested too deep")]
    Depth,
}

impl ParseError {
    /// Whether it is only the name of a type, which other rules name in their own words.
    pub fn is_of_values(&self) -> bool {
        matches!(self, Self::Type(_))
    }
}

/// What these schemas may not say.
const UNSUPPORTED: [(&str, &str); 7] = [
    ("id", "id"),
    ("$schema", "schema"),
    ("$ref", "$ref"),
    ("patternProperties", "patternProperties"),
    ("dependencies", "dependencies"),
    ("additionalItems", "additionalItems"),
    ("definitions", "definitions"),
];

pub(super) fn node(schema: &Value, depth: usize) -> Result<Node, ParseError> {
    if depth > MAX_DEPTH {
        return Err(ParseError::Depth);
    }
    if let Some((_, name)) = UNSUPPORTED.iter().find(|(field, _)| is_said(schema, field)) {
        return Err(ParseError::Unsupported(name));
    }
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        return Err(ParseError::PreserveFalse);
    }
    let below = |schema: &Value| node(schema, depth + 1);
    let node = Node {
        type_name: type_name(schema)?,
        nullable: flag(schema, "nullable"),
        int_or_string: flag(schema, "x-kubernetes-int-or-string"),
        preserves_unknown: flag(schema, "x-kubernetes-preserve-unknown-fields"),
        is_resource: flag(schema, "x-kubernetes-embedded-resource"),
        list_type: list_type(text(schema, "x-kubernetes-list-type")),
        list_map_keys: texts(schema, "x-kubernetes-list-map-keys"),
        is_atomic_map: text(schema, "x-kubernetes-map-type") == "atomic",
        default: schema.get("default").filter(|value| !value.is_null()).cloned(),
        properties: properties(schema, below)?,
        additional: additional(schema.get("additionalProperties"), below)?,
        items: match schema.get("items") {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) if items.is_empty() => None,
            Some(Value::Array(_)) => return Err(ParseError::ItemsArray),
            Some(items) => Some(Box::new(below(items)?)),
        },
        rules: list(schema, "x-kubernetes-validations")
            .iter()
            .map(rule)
            .collect(),
        ..Node::default()
    };
    Ok(node.with_checks(checks(schema, below)?).noted())
}

fn type_name(schema: &Value) -> Result<Option<TypeName>, ParseError> {
    match text(schema, "type") {
        "" => Ok(None),
        name => match TypeName::parse(name) {
            Some(known) => Ok(Some(known)),
            None => Err(ParseError::Type(name.to_owned())),
        },
    }
}

fn properties(
    schema: &Value,
    below: impl Fn(&Value) -> Result<Node, ParseError>,
) -> Result<Properties, ParseError> {
    let declared = schema.get("properties").and_then(Value::as_object);
    declared
        .into_iter()
        .flatten()
        .map(|(name, schema)| Ok((name.clone(), below(schema)?)))
        .collect()
}

fn additional(
    schema: Option<&Value>,
    below: impl Fn(&Value) -> Result<Node, ParseError>,
) -> Result<Option<Additional>, ParseError> {
    Ok(match schema {
        None | Some(Value::Null) => None,
        Some(Value::Bool(true)) => Some(Additional::Any),
        Some(Value::Bool(false)) => Some(Additional::Nothing),
        Some(schema) => Some(Additional::Schema(Box::new(below(schema)?))),
    })
}

fn checks(schema: &Value, below: impl Fn(&Value) -> Result<Node, ParseError>) -> Result<Checks, ParseError> {
    let nodes = |field: &str| {
        list(schema, field)
            .iter()
            .map(&below)
            .collect::<Result<Vec<_>, _>>()
    };
    let pattern = text(schema, "pattern");
    Ok(Checks {
        format: formats::known(text(schema, "format"), text(schema, "type")).to_owned(),
        maximum: number(schema, "maximum"),
        exclusive_maximum: flag(schema, "exclusiveMaximum"),
        minimum: number(schema, "minimum"),
        exclusive_minimum: flag(schema, "exclusiveMinimum"),
        multiple_of: number(schema, "multipleOf"),
        max_length: integer(schema, "maxLength"),
        min_length: integer(schema, "minLength"),
        pattern: (!pattern.is_empty()).then(|| meta::Pattern::lazy(pattern)),
        max_items: integer(schema, "maxItems"),
        min_items: integer(schema, "minItems"),
        unique_items: flag(schema, "uniqueItems"),
        max_properties: integer(schema, "maxProperties"),
        min_properties: integer(schema, "minProperties"),
        required: texts(schema, "required"),
        enum_values: schema
            .get("enum")
            .and_then(Value::as_array)
            .cloned()
            .filter(|values| !values.is_empty()),
        all_of: nodes("allOf")?,
        any_of: nodes("anyOf")?,
        one_of: nodes("oneOf")?,
        not: match schema.get("not") {
            None | Some(Value::Null) => None,
            Some(not) => Some(Box::new(below(not)?)),
        },
    })
}

fn rule(rule: &Value) -> Rule {
    let text = |field: &str| text(rule, field).to_owned();
    Rule {
        rule: text("rule"),
        message: text("message"),
        message_expression: text("messageExpression"),
        reason: text("reason"),
        field_path: text("fieldPath"),
        optional_old_self: rule.get("optionalOldSelf").and_then(Value::as_bool),
    }
}

fn list_type(text: &str) -> Option<ListType> {
    match text {
        "atomic" => Some(ListType::Atomic),
        "set" => Some(ListType::Set),
        "map" => Some(ListType::Map),
        _ => None,
    }
}

/// Whether a field says something.
pub(super) fn is_said(schema: &Value, field: &str) -> bool {
    match schema.get(field) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(fields)) => field == "additionalItems" || !fields.is_empty(),
        Some(_) => true,
    }
}

pub(super) fn flag(schema: &Value, field: &str) -> bool {
    schema.get(field) == Some(&Value::Bool(true))
}

pub(super) fn text<'a>(schema: &'a Value, field: &str) -> &'a str {
    schema.get(field).and_then(Value::as_str).unwrap_or("")
}

pub(super) fn list<'a>(schema: &'a Value, field: &str) -> &'a [Value] {
    schema
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The entries of an object that a field holds.
pub(super) fn entries<'a>(schema: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn texts(schema: &Value, field: &str) -> Vec<String> {
    let texts = list(schema, field).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn number(schema: &Value, field: &str) -> Option<f64> {
    schema.get(field).and_then(Value::as_f64)
}

fn integer(schema: &Value, field: &str) -> Option<i64> {
    schema.get(field).and_then(Value::as_i64)
}
