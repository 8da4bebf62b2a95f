//! OpenAPI documents, made from the type table and the facts of served resources.
//!
//! Version 3 is one document for each group version and a few small ones, version 2 a single one. They are written piece by
//! piece, so that nothing large is held in memory; who serves them keeps them compressed.

mod about;
mod component;
mod components;
mod custom;
mod describe;
mod document;
mod gnostic;
mod names;
mod operation;
mod parameter;
mod path_item;
mod paths;
mod writer;

use std::io;

use serde_json::{Value, json};

use components::Components;
pub use custom::{Custom, v3_custom_protobuf, write_v3_custom};
pub use describe::Describe;
use describe::describe_parameters;
use document::Document;
use parameter::Shared;
use path_item::PathItem;
use writer::ObjectWriter;

/// What a document says that is not in the type table.
#[derive(Clone, Copy)]
pub struct Info<'a> {
    /// `Kubernetes`.
    pub title: &'a str,
    /// `1.36`.
    pub version: &'a str,
    /// What types and fields mean; `&()` leaves that out.
    pub descriptions: &'a dyn Describe,
}

/// Which of the two versions of OpenAPI is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    V2,
    V3,
}

/// The names of the version 3 documents, as the index at `/openapi/v3` has them: `api/v1`, `apis/apps`, `version`.
pub fn v3_documents() -> Vec<String> {
    document::all().iter().map(Document::name).collect()
}

/// Writes the version 3 document of that name. False, and nothing written, if there is none.
///
/// # Errors
/// Those of `out`.
pub fn write_v3(name: &str, info: Info<'_>, out: &mut impl io::Write) -> io::Result<bool> {
    let Some(document) = document::all()
        .into_iter()
        .find(|document| document.name() == name)
    else {
        return Ok(false);
    };
    let items = document.paths();
    let mut components = Components::of_group_version(document.group_version());
    components.add(&items);
    v3(&items, &components, (&[], &[]), info, out)?;
    Ok(true)
}

/// A version 3 document; custom resources have schemas beside the components.
fn v3(
    items: &[PathItem<'_>],
    components: &Components,
    (custom, named): (&[Custom<'_>], &[custom::Names]),
    info: Info<'_>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    ObjectWriter::write(out, |fields| {
        fields.value("openapi", &json!("3.0.0"))?;
        fields.value("info", &info_value(info))?;
        fields.object("paths", |paths| {
            items
                .iter()
                .try_for_each(|item| paths.value(&item.path, &rendered(item, Dialect::V3, info)))
        })?;
        fields.object("components", |parts| {
            if !components.is_empty() {
                parts.object("schemas", |schemas| {
                    custom.iter().zip(named).try_for_each(|(custom, names)| {
                        custom.write(names, Dialect::V3, info.descriptions, schemas)
                    })?;
                    components.write(Dialect::V3, info.descriptions, schemas)
                })?;
            }
            // Documents of custom resources do not say how clients tell who they are.
            if custom.is_empty() {
                parts.value("securitySchemes", &security_schemes())?;
            }
            Ok(())
        })
    })
}

/// Writes the version 2 document, in which custom resources stand too.
///
/// # Errors
/// Those of `out`.
pub fn write_v2(info: Info<'_>, custom: &[Custom<'_>], out: &mut impl io::Write) -> io::Result<()> {
    let named: Vec<custom::Names> = custom.iter().map(custom::Names::of).collect();
    let mut items: Vec<PathItem<'_>> = document::all().iter().flat_map(Document::paths).collect();
    for (custom, names) in custom.iter().zip(&named) {
        items.extend(custom.paths(names));
    }
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let mut components = Components::of_all_group_versions();
    components.add(&items);
    let mut shared = Shared::default();
    ObjectWriter::write(out, |fields| {
        fields.value("swagger", &json!("2.0"))?;
        fields.value("info", &info_value(info))?;
        fields.object("paths", |paths| {
            items.iter().try_for_each(|item| {
                paths.value(&item.path, &shared.share(rendered(item, Dialect::V2, info)))
            })
        })?;
        fields.object("definitions", |definitions| {
            components.write(Dialect::V2, info.descriptions, definitions)?;
            custom.iter().zip(&named).try_for_each(|(custom, names)| {
                custom.write(names, Dialect::V2, info.descriptions, definitions)
            })
        })?;
        fields.value("parameters", &shared.into_value())?;
        fields.value("securityDefinitions", &security_schemes())?;
        fields.value("security", &json!([{ "BearerToken": [] }]))
    })
}

/// The version 3 document of that name in gnostic's protobuf; none if there is no such document.
pub fn v3_protobuf(name: &str, info: Info<'_>) -> Option<Vec<u8>> {
    let mut json = Vec::new();
    // Writing into memory cannot fail.
    let found = write_v3(name, info, &mut json).unwrap_or(false);
    let json: Value = serde_json::from_slice(&json).ok().filter(|_| found)?;
    Some(gnostic::v3_document(&json))
}

/// The version 2 document in gnostic's protobuf.
pub fn v2_protobuf(info: Info<'_>, custom: &[Custom<'_>]) -> Option<Vec<u8>> {
    let mut json = Vec::new();
    write_v2(info, custom, &mut json).ok()?;
    let json: Value = serde_json::from_slice(&json).ok()?;
    Some(gnostic::v2_document(&json))
}

/// Any version 2 document in gnostic's protobuf.
pub fn v2_in_protobuf(json: &Value) -> Vec<u8> {
    gnostic::v2_document(json)
}

/// The item of a path, with what is known of its parameters.
fn rendered(item: &PathItem<'_>, dialect: Dialect, info: Info<'_>) -> Value {
    describe_parameters(item.render(dialect), info.descriptions)
}

fn info_value(info: Info<'_>) -> Value {
    json!({ "title": info.title, "version": info.version })
}

fn security_schemes() -> Value {
    json!({
        "BearerToken": {
            "type": "apiKey",
            "description": "Bearer Token authentication",
            "name": "authorization",
            "in": "header",
        },
    })
}

#[cfg(test)]
mod tests;
