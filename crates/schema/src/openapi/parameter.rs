//! Parameters of operations: parts of the path, and the fields of options in the query.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::Dialect;
use crate::generated::meta_v1::{
    CREATE_OPTIONS, DELETE_OPTIONS, LIST_OPTIONS, PATCH_OPTIONS, UPDATE_OPTIONS,
};
use crate::table::{Field, Kind, Type};

/// A parameter in the path or in the query. Sorted by name, then place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub place: Place,
    value_type: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Path,
    Query,
}

impl Parameter {
    /// A part of the path.
    pub const fn path(name: &'static str) -> Self {
        Self {
            name,
            place: Place::Path,
            value_type: "string",
        }
    }

    /// Whether to indent the answer.
    pub const PRETTY: Self = Self {
        name: "pretty",
        place: Place::Query,
        value_type: "string",
    };

    /// A field of options. What a query cannot carry (times, objects) is none.
    fn of_field(field: &'static Field) -> Option<Self> {
        let value_type = match field.kind {
            Kind::List(of) => query_type(*of)?,
            kind => query_type(kind)?,
        };
        let is_type_meta = matches!(field.name, "kind" | "apiVersion");
        (!is_type_meta).then_some(Self {
            name: field.name,
            place: Place::Query,
            value_type,
        })
    }

    pub fn render(self, dialect: Dialect) -> Value {
        let mut parameter = Map::new();
        let mut set = |name: &str, value: Value| parameter.insert(name.to_owned(), value);
        set("name", self.name.into());
        match self.place {
            Place::Path => {
                set("in", "path".into());
                set("required", true.into());
            }
            Place::Query => {
                set("in", "query".into());
            }
        }
        match dialect {
            Dialect::V2 => {
                set("type", self.value_type.into());
                set("uniqueItems", true.into());
            }
            Dialect::V3 => {
                set("schema", json!({ "type": self.value_type, "uniqueItems": true }));
            }
        }
        Value::Object(parameter)
    }
}

fn query_type(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Bool => Some("boolean"),
        Kind::Int32 | Kind::Int64 => Some("integer"),
        Kind::String => Some("string"),
        _ => None,
    }
}

/// The fields of options.
pub(super) fn options(of: &'static Type) -> Vec<Parameter> {
    of.fields.iter().filter_map(Parameter::of_field).collect()
}

/// Of a list.
pub(super) fn list() -> Vec<Parameter> {
    options(&LIST_OPTIONS)
}

/// Of a create.
pub(super) fn create() -> Vec<Parameter> {
    options(&CREATE_OPTIONS)
}

/// Of an update.
pub(super) fn update() -> Vec<Parameter> {
    options(&UPDATE_OPTIONS)
}

/// Of a patch.
pub(super) fn patch() -> Vec<Parameter> {
    options(&PATCH_OPTIONS)
}

/// Of a delete.
pub(super) fn delete() -> Vec<Parameter> {
    options(&DELETE_OPTIONS)
}

/// Of the deletion of a collection: a delete's, and of a list's what selects.
pub(super) fn delete_collection() -> Vec<Parameter> {
    let mut parameters = delete();
    let selects = |parameter: &Parameter| !matches!(parameter.name, "watch" | "allowWatchBookmarks");
    parameters.extend(list().into_iter().filter(selects));
    parameters
}

/// Parameters that a version 2 document holds once, for all operations to refer to.
#[derive(Default)]
pub(super) struct Shared {
    parameters: BTreeMap<String, Value>,
}

impl Shared {
    /// A path's operations with references in the place of parameters.
    pub fn share(&mut self, mut item: Value) -> Value {
        for field in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            match field {
                Value::Array(parameters) => self.replace(parameters),
                Value::Object(operation) => {
                    if let Some(Value::Array(parameters)) = operation.get_mut("parameters") {
                        self.replace(parameters);
                    }
                }
                _ => {}
            }
        }
        item
    }

    fn replace(&mut self, parameters: &mut [Value]) {
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let mut hasher = DefaultHasher::new();
            parameter.to_string().hash(&mut hasher);
            let key = format!("{name}-{:08x}", hasher.finish() >> 32);
            let reference = json!({ "$ref": format!("#/parameters/{key}") });
            self.parameters
                .insert(key, std::mem::replace(parameter, reference));
        }
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.parameters.into_iter().collect())
    }
}
