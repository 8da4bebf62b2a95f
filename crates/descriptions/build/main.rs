//! Takes the descriptions out of the schemas of `k8s-openapi`, and packs them.
//!
//! The result is text, deflated: a record for each type and field, in order, ended by the separator that ASCII has for
//! records; in it the type's OpenAPI name, the field's name (empty for the type itself) and what is said of it, set apart
//! by ASCII's separator for units.

mod roots;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::{env, io};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

const UNIT: char = '\u{1f}';
const RECORD: char = '\u{1e}';

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build");
    let schemas = roots::schemas();
    let texts: BTreeMap<(&str, &str), &str> = schemas
        .iter()
        .flat_map(|(name, schema)| texts_of(schema).map(move |(field, text)| ((name.as_str(), field), text)))
        .collect();
    let folder = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    let file = File::create(PathBuf::from(folder).join("descriptions"))?;
    let mut packed = ZlibEncoder::new(file, Compression::best());
    for ((name, field), text) in texts {
        write!(packed, "{name}{UNIT}{field}{UNIT}{text}{RECORD}")?;
    }
    packed.finish()?;
    Ok(())
}

/// What is said of a type, under the empty name, and of its fields.
fn texts_of(schema: &Value) -> impl Iterator<Item = (&str, &str)> {
    let own = description(schema).map(|text| ("", text));
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields
        .into_iter()
        .flatten()
        .filter_map(|(name, field)| Some((name.as_str(), description(field)?)));
    own.into_iter().chain(fields)
}

fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()
}
