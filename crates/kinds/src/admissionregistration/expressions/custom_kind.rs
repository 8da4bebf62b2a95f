//! Kinds that users define, as expressions are checked against them: read from what the server publishes of a group version.

use std::sync::Arc;

use cel::{Declaration, Declared, Field, Fields, Type};
use meta::{GroupVersion, GroupVersionKind};
use schema::StructuralSchema;
use serde_json::Value;

use super::declared;

const KINDS: &str = "x-kubernetes-group-version-kind";

/// A kind that is not built in.
#[derive(Clone, Debug)]
pub struct CustomKind {
    /// `crontabs`
    pub(super) plural: String,
    pub(super) kind: GroupVersionKind,
    pub(super) object: Declaration,
}

impl CustomKind {
    /// The kinds of a group version, from its discovery document and its OpenAPI (version 3). Left out are those whose
    /// schema is not told, or not as definitions tell theirs.
    pub fn all(version: &GroupVersion, resources: &Value, openapi: &Value) -> Vec<Self> {
        let resources = resources["resources"].as_array().into_iter().flatten();
        let kinds = resources.filter_map(|resource| {
            let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
            let kind = version.kind(resource["kind"].as_str()?.to_owned());
            Some(Self {
                plural: plural.to_owned(),
                object: published(openapi, &kind)?,
                kind,
            })
        });
        kinds.collect()
    }
}

/// What expressions know of a kind from the schema that is published of it.
fn published(openapi: &Value, kind: &GroupVersionKind) -> Option<Declaration> {
    let is_it = |named: &Value| {
        named["group"] == *kind.group && named["version"] == *kind.version && named["kind"] == *kind.kind
    };
    let mut schemas = openapi["components"]["schemas"].as_object()?.values();
    let mut schema = schemas
        .find(|schema| matches!(schema[KINDS].as_array().map(Vec::as_slice), Some([one]) if is_it(one)))?
        .clone();
    // It is told by reference, and known here.
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.remove("metadata");
    }
    let schema = StructuralSchema::read(&schema).ok()?;
    let object = schema.declaration(&kind.kind);
    Some(object.map_or(Declaration::plain(Type::Dyn), with_metadata))
}

/// All of an object's metadata may be read, not only what rules of a definition may.
fn with_metadata(mut object: Declaration) -> Declaration {
    if let Declared::Object(of) = &mut object.kind
        && let Fields::Known(fields) = &mut Arc::make_mut(of).fields
    {
        let metadata = Field {
            json_name: "metadata".to_owned(),
            holds: declared::metadata(),
        };
        fields.insert("metadata".to_owned(), metadata);
    }
    object
}
