//! `types.json` as it is published: packages, their types and fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// All packages by path.
pub type Packages = BTreeMap<String, Package>;

/// A Go package.
#[derive(Deserialize)]
pub struct Package {
    /// The API group, where the package is one.
    pub group: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// With which OpenAPI qualifies its types.
    #[serde(default)]
    pub openapi: String,
    /// Types that are objects of their own.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Struct types.
    pub types: BTreeMap<String, Struct>,
    /// Other named types.
    pub named: BTreeMap<String, Named>,
    /// Constants.
    pub consts: BTreeMap<String, Const>,
}

/// A struct type.
#[derive(Deserialize)]
pub struct Struct {
    /// Its fields as declared.
    pub fields: Vec<Field>,
    /// Markers of its comment.
    #[serde(default)]
    pub markers: Markers,
    /// Whether it has a protobuf message.
    #[serde(default)]
    pub message: bool,
    /// Whether its JSON form is not that of its fields.
    #[serde(default, rename = "customJSON")]
    pub custom_json: bool,
}

/// A named type that is no struct.
#[derive(Deserialize)]
pub struct Named {
    /// What it, or its elements, are.
    pub of: String,
    /// `list` or `map`.
    pub shape: Option<String>,
    /// Another name for the same type.
    #[serde(default)]
    pub alias: bool,
    /// Whether it is a protobuf message of its own.
    #[serde(default)]
    pub message: bool,
    /// Constants of that type.
    #[serde(default)]
    pub values: Vec<Value>,
    /// Markers of its comment.
    #[serde(default)]
    pub markers: Markers,
}

/// A constant.
#[derive(Deserialize)]
pub struct Const {
    /// Its value.
    pub value: Value,
}

/// A field of a struct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Go's name.
    pub name: String,
    /// The JSON name; empty for an inlined struct.
    pub json: Option<String>,
    /// Whether its fields stand among the struct's own.
    #[serde(default)]
    pub inline: bool,
    /// What it, or its elements, are.
    pub of: Option<String>,
    /// `list`, `map` or `bytes`.
    pub shape: Option<String>,
    /// The keys' type of a map.
    pub key: Option<String>,
    #[serde(default)]
    pub omitempty: bool,
    #[serde(default)]
    pub omitzero: bool,
    #[serde(default)]
    pub pointer: bool,
    /// The protobuf number.
    pub proto: Option<u16>,
    pub patch_strategy: Option<String>,
    pub patch_merge_key: Option<String>,
    /// Markers of its comment.
    #[serde(default)]
    pub markers: Markers,
}

/// Markers, those of interest.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Markers {
    #[serde(default)]
    pub object: bool,
    #[serde(default)]
    pub optional: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default, rename = "enum")]
    pub is_enum: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub union_discriminator: bool,
    pub list_type: Option<String>,
    #[serde(default)]
    pub list_map_key: Vec<String>,
    pub map_type: Option<String>,
    pub struct_type: Option<String>,
    pub default: Option<String>,
}

/// A qualified name of these packages.
#[derive(Clone, Copy)]
pub struct Qualified<'a> {
    pub path: &'a str,
    pub package: &'a Package,
    pub name: &'a str,
}

/// Finds what `k8s.io/api/core/v1.PodSpec` names. Aliases are followed. None for Go's own types.
pub fn find<'a>(packages: &'a Packages, of: &'a str) -> Result<Option<Qualified<'a>>, Error> {
    let Some((path, name)) = of.rsplit_once('.').filter(|_| of.contains('/')) else {
        return Ok(None);
    };
    let package = packages
        .get(path)
        .ok_or_else(|| format!("unknown package of {of}"))?;
    match package.named.get(name) {
        Some(named) if named.alias => find(packages, &named.of),
        _ => Ok(Some(Qualified { path, package, name })),
    }
}
