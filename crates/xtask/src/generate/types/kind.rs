//! What a Go type is in the table: a Rust expression of `schema::table::Kind`.

use super::super::names::{constant, go_package, module};
use super::super::published::{Named, Packages, Qualified, find};
use crate::Error;

/// Kinds of value that are types of their own in Go, by qualified name; with the name messages use.
const VALUES: [(&str, &str); 11] = [
    ("k8s.io/apimachinery/pkg/api/resource.Quantity", "Quantity"),
    ("k8s.io/apimachinery/pkg/util/intstr.IntOrString", "IntOrString"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.Time", "Time"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime", "MicroTime"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.Duration", "Duration"),
    ("k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1", "Fields"),
    ("k8s.io/apimachinery/pkg/runtime.RawExtension", "RawExtension"),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON",
        "Json",
    ),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray",
        "SchemaOr(SchemaOr::Schemas)",
    ),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool",
        "SchemaOr(SchemaOr::Bool)",
    ),
    (
        "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray",
        "SchemaOr(SchemaOr::Strings)",
    ),
];

/// The kind of `of`, alone or as element of a list or map.
pub fn expression(packages: &Packages, shape: Option<&str>, of: Option<&str>) -> Result<String, Error> {
    if shape == Some("bytes") {
        return Ok("Kind::Bytes".to_owned());
    }
    let of = of.ok_or("a field without a type")?;
    let kind = match of {
        "string" => "Kind::String".to_owned(),
        "bool" => "Kind::Bool".to_owned(),
        "int32" => "Kind::Int32".to_owned(),
        "int64" => "Kind::Int64".to_owned(),
        "float64" => "Kind::Float64".to_owned(),
        "[]byte" => "Kind::Bytes".to_owned(),
        "interface{}" => "Kind::Any".to_owned(),
        _ => qualified(packages, of)?,
    };
    match shape {
        None => Ok(kind),
        Some("list") => Ok(format!("Kind::List(&{kind})")),
        Some("map") => Ok(format!("Kind::Map(&{kind})")),
        Some(other) => Err(format!("unknown shape {other}").into()),
    }
}

fn qualified(packages: &Packages, of: &str) -> Result<String, Error> {
    if let Some((_, kind)) = VALUES.iter().find(|(name, _)| *name == of) {
        return Ok(format!("Kind::{kind}"));
    }
    match named(packages, of)? {
        None => Ok(format!("Kind::Object(&{})", path(packages, of)?)),
        Some(named) if named.message && named.shape.as_deref() == Some("list") => {
            let element = expression(packages, None, Some(&named.of))?;
            Ok(format!("Kind::WrappedList(&{element})"))
        }
        Some(named) => expression(packages, named.shape.as_deref(), Some(&named.of)),
    }
}

/// The named type that is no struct, if `of` is one.
pub fn named<'a>(packages: &'a Packages, of: &'a str) -> Result<Option<&'a Named>, Error> {
    let found = find(packages, of)?;
    Ok(found.and_then(|found| found.package.named.get(found.name)))
}

/// The Rust path of a struct's static, as seen from the file of a package. A type that is defined as another struct is
/// that struct.
pub fn path(packages: &Packages, of: &str) -> Result<String, Error> {
    let Qualified {
        path: package, name, ..
    } = find(packages, of)?.ok_or_else(|| format!("{of} is no struct"))?;
    match named(packages, of)? {
        Some(named) => path(packages, &named.of),
        None => Ok(format!("super::{}::{}", module(package), constant(name))),
    }
}

/// The name of a Go type as messages print it, without pointers: `[]v1.Container`.
pub fn go_name(
    packages: &Packages,
    shape: Option<&str>,
    key: Option<&str>,
    of: Option<&str>,
) -> Result<String, Error> {
    let of = match of {
        None => "uint8".to_owned(),
        Some(of) => match find(packages, of)? {
            None => of.to_owned(),
            Some(found) => format!("{}.{}", go_package(found.path), found.name),
        },
    };
    match shape {
        None => Ok(of),
        Some("list" | "bytes") => Ok(format!("[]{of}")),
        Some("map") => Ok(format!(
            "map[{}]{of}",
            go_name(packages, None, None, key.or(Some("string")))?
        )),
        Some(other) => Err(format!("unknown shape {other}").into()),
    }
}

/// The name that follows from the kind alone.
pub fn derived_go_name(packages: &Packages, shape: Option<&str>, of: Option<&str>) -> Result<String, Error> {
    let Some(of_name) = of else {
        return go_name(packages, shape, None, None);
    };
    let base = match named(packages, of_name)? {
        None => return go_name(packages, shape, None, of),
        Some(named) => derived_go_name(packages, named.shape.as_deref(), Some(&named.of))?,
    };
    go_name(packages, shape, None, Some(&base))
}
