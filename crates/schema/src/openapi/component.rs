//! A schema that has a name, and how it is written.

use serde_json::{Map, Value, json};

use super::Dialect;
use crate::reference::ListType;
use crate::table::{Facts, Field, Kind, SchemaOr, Type};

/// A schema that others refer to: an object with fields, or a kind of value with a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Component<'a> {
    Type(&'static Type),
    Value(Kind),
    /// A schema that is not in the type table.
    Named(&'a str),
}

impl<'a> Component<'a> {
    /// The component a value of that kind refers to; none for what is written in place.
    fn of_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Object(of) => Some(Self::Type(of)),
            Kind::Bool
            | Kind::Int32
            | Kind::Int64
            | Kind::Float64
            | Kind::String
            | Kind::Bytes
            | Kind::Any => None,
            Kind::List(_) | Kind::WrappedList(_) | Kind::Map(_) => None,
            Kind::Quantity | Kind::IntOrString | Kind::Time | Kind::MicroTime | Kind::Duration => {
                Some(Self::Value(kind))
            }
            Kind::RawExtension | Kind::Fields | Kind::Json | Kind::SchemaOr(_) => Some(Self::Value(kind)),
        }
    }

    /// It, if the type table has it.
    pub fn built_in(self) -> Option<Component<'static>> {
        match self {
            Self::Type(of) => Some(Component::Type(of)),
            Self::Value(kind) => Some(Component::Value(kind)),
            Self::Named(_) => None,
        }
    }

    /// `io.k8s.api.core.v1.Pod`
    pub fn name(self) -> String {
        let (package, name) = match self {
            Self::Type(of) => return of.openapi_name(),
            Self::Named(name) => return name.to_owned(),
            Self::Value(kind) => match kind {
                Kind::Quantity => ("apimachinery.pkg.api.resource", "Quantity"),
                Kind::IntOrString => ("apimachinery.pkg.util.intstr", "IntOrString"),
                Kind::Time => ("apimachinery.pkg.apis.meta.v1", "Time"),
                Kind::MicroTime => ("apimachinery.pkg.apis.meta.v1", "MicroTime"),
                Kind::Duration => ("apimachinery.pkg.apis.meta.v1", "Duration"),
                Kind::Fields => ("apimachinery.pkg.apis.meta.v1", "FieldsV1"),
                Kind::SchemaOr(or) => (
                    "apiextensions-apiserver.pkg.apis.apiextensions.v1",
                    match or {
                        SchemaOr::Schemas => "JSONSchemaPropsOrArray",
                        SchemaOr::Bool => "JSONSchemaPropsOrBool",
                        SchemaOr::Strings => "JSONSchemaPropsOrStringArray",
                    },
                ),
                Kind::Json => ("apiextensions-apiserver.pkg.apis.apiextensions.v1", "JSON"),
                // No other kind of value has a name.
                _ => ("apimachinery.pkg.runtime", "RawExtension"),
            },
        };
        format!("io.k8s.{package}.{name}")
    }

    /// The components it refers to.
    pub fn refers_to(self) -> impl Iterator<Item = Self> {
        let fields: &'static [Field] = match self {
            Self::Type(of) => of.fields,
            Self::Value(_) | Self::Named(_) => &[],
        };
        fields
            .iter()
            .filter_map(|field| Self::of_kind(innermost(field.kind)))
    }

    /// A reference to it.
    pub fn reference(self, dialect: Dialect) -> Value {
        let place = match dialect {
            Dialect::V2 => "#/definitions/",
            Dialect::V3 => "#/components/schemas/",
        };
        json!({ "$ref": format!("{place}{}", self.name()) })
    }

    /// The schema itself.
    pub fn schema(self, dialect: Dialect) -> Map<String, Value> {
        match self {
            Self::Type(of) => type_schema(of, dialect),
            // Who names it writes it.
            Self::Named(_) => Map::new(),
            Self::Value(kind) => match value_schema(kind, dialect) {
                Value::Object(schema) => schema,
                _ => Map::new(),
            },
        }
    }
}

/// What is in a list or map, or in a map of lists.
fn innermost(kind: Kind) -> Kind {
    match kind {
        Kind::List(of) | Kind::WrappedList(of) | Kind::Map(of) => innermost(*of),
        kind => kind,
    }
}

/// The schema of a kind of value that has a name.
fn value_schema(kind: Kind, dialect: Dialect) -> Value {
    match (kind, dialect) {
        (Kind::Quantity, Dialect::V3) => json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] }),
        (Kind::IntOrString, Dialect::V3) => {
            json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] })
        }
        (Kind::IntOrString, Dialect::V2) => json!({ "type": "string", "format": "int-or-string" }),
        (Kind::Time | Kind::MicroTime, _) => json!({ "type": "string", "format": "date-time" }),
        (Kind::Quantity | Kind::Duration, _) => json!({ "type": "string" }),
        (Kind::RawExtension | Kind::Fields, _) => json!({ "type": "object" }),
        _ => json!({}),
    }
}

fn type_schema(of: &'static Type, dialect: Dialect) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut set = |name: &str, value: Value| schema.insert(name.to_owned(), value);
    set("type", "object".into());
    let required: Vec<&str> = of
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    if !required.is_empty() {
        set("required", required.into());
    }
    if !of.fields.is_empty() {
        let properties = of
            .fields
            .iter()
            .map(|field| (field.name.to_owned(), field_schema(field, dialect)));
        set("properties", Value::Object(properties.collect()));
    }
    if of.atomic {
        set("x-kubernetes-map-type", "atomic".into());
    }
    if let Some(union) = &of.union {
        let members: Map<String, Value> = union
            .members
            .iter()
            .map(|(field, value)| ((*field).to_owned(), Value::from(*value)))
            .collect();
        let mut choice = json!({ "fields-to-discriminateBy": members });
        if let Some(discriminator) = union.discriminator {
            choice["discriminator"] = discriminator.into();
        }
        set("x-kubernetes-unions", json!([choice]));
    }
    schema
}

fn field_schema(field: &Field, dialect: Dialect) -> Value {
    let mut beside = extensions(field.facts);
    if let (Dialect::V3, Some(default)) = (dialect, default(field)) {
        beside.insert("default".to_owned(), default);
    }
    let mut schema = kind_schema(field.kind, field.facts, dialect);
    if dialect == Dialect::V3 && !beside.is_empty() && schema.contains_key("$ref") {
        schema = all_of(schema);
    }
    schema.append(&mut beside);
    Value::Object(schema)
}

/// A reference beside which something else can stand. OpenAPI 3.0 would ignore it beside a plain one.
fn all_of(reference: Map<String, Value>) -> Map<String, Value> {
    Map::from_iter([("allOf".to_owned(), json!([reference]))])
}

/// What a server fills in, as far as it follows from the type: the declared default, or the zero value of what is always
/// there.
fn default(field: &Field) -> Option<Value> {
    match (field.facts.default, field.kind) {
        (Some(declared), _) => serde_json::from_str(declared).ok(),
        (None, _) if field.pointer => None,
        (None, kind @ Kind::Object(_)) => zero(kind),
        (None, kind) if !field.omitempty => zero(kind),
        (None, _) => None,
    }
}

/// The zero value, as far as documents give one.
fn zero(kind: Kind) -> Option<Value> {
    match kind {
        Kind::Bool => Some(false.into()),
        Kind::Int32 | Kind::Int64 | Kind::Float64 => Some(0.into()),
        Kind::String => Some("".into()),
        Kind::Object(_) => Some(json!({})),
        _ => None,
    }
}

/// The schema of a value in place. The enumeration among the facts is that of the innermost value.
fn kind_schema(kind: Kind, facts: &Facts, dialect: Dialect) -> Map<String, Value> {
    let schema = match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int32 => json!({ "type": "integer", "format": "int32" }),
        Kind::Int64 => json!({ "type": "integer", "format": "int64" }),
        Kind::Float64 => json!({ "type": "number", "format": "double" }),
        Kind::String if facts.enum_values.is_empty() => json!({ "type": "string" }),
        Kind::String => json!({ "type": "string", "enum": facts.enum_values }),
        Kind::Bytes => json!({ "type": "string", "format": "byte" }),
        Kind::List(of) | Kind::WrappedList(of) => {
            json!({ "type": "array", "items": element_schema(*of, facts, dialect) })
        }
        Kind::Map(of) => {
            json!({ "type": "object", "additionalProperties": element_schema(*of, facts, dialect) })
        }
        kind => Component::of_kind(kind).map_or(json!({}), |component| component.reference(dialect)),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn element_schema(kind: Kind, facts: &Facts, dialect: Dialect) -> Value {
    let mut schema = kind_schema(kind, facts, dialect);
    if let (Dialect::V3, Some(zero)) = (dialect, zero(kind)) {
        if schema.contains_key("$ref") {
            schema = all_of(schema);
        }
        schema.insert("default".to_owned(), zero);
    }
    Value::Object(schema)
}

fn extensions(facts: &Facts) -> Map<String, Value> {
    let mut extensions = Map::new();
    let mut set = |name: &str, value: Value| extensions.insert(format!("x-kubernetes-{name}"), value);
    if let Some(list_type) = facts.list_type {
        set("list-type", ListType::as_str(list_type).into());
    }
    if !facts.list_map_keys.is_empty() {
        set("list-map-keys", json!(facts.list_map_keys));
    }
    if let Some(atomic) = facts.atomic {
        set("map-type", if atomic { "atomic" } else { "granular" }.into());
    }
    if let Some(key) = facts.patch_merge_key {
        set("patch-merge-key", key.into());
    }
    if let Some(strategy) = facts.patch_strategy.as_str() {
        set("patch-strategy", strategy.into());
    }
    extensions
}
