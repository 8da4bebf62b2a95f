//! The OpenAPI documents against recorded ones, descriptions aside, where `PINTLE_REFERENCE` names the folder of Kubernetes'
//! published data.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;
use schema::openapi::{Info, v3_documents, write_v2, write_v3};
use serde_json::{Map, Value};

const INFO: Info<'_> = Info {
    title: "Kubernetes",
    version: "1.36",
    descriptions: &(),
};

fn reference() -> Option<OsString> {
    let reference = std::env::var_os("PINTLE_REFERENCE");
    if reference.is_none() {
        eprintln!("PINTLE_REFERENCE is not set: nothing to compare with");
    }
    reference
}

fn recorded(path: &Path) -> Value {
    let file = File::open(path).expect("a recorded document");
    serde_json::from_reader(GzDecoder::new(file)).expect("a document's JSON")
}

/// The document without descriptions, each reference plain, parameters in place.
fn facts(document: Value) -> Value {
    let parameters = document.get("parameters").cloned().unwrap_or_default();
    let mut facts = reduce(document, &parameters);
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("parameters");
    }
    facts
}

fn reduce(value: Value, parameters: &Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| reduce(item, parameters)).collect(),
        Value::Object(mut fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            if let Some(name) = shared_parameter(&fields) {
                return reduce(parameters[name].clone(), parameters);
            }
            if let (1, Some(Value::Array(all_of))) = (fields.len(), fields.get("allOf")) {
                return reduce(all_of[0].clone(), parameters);
            }
            fields
                .into_iter()
                .map(|(name, field)| (name, reduce(field, parameters)))
                .collect()
        }
        scalar => scalar,
    }
}

fn shared_parameter(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("$ref")?.as_str()?.strip_prefix("#/parameters/")
}

/// Where two documents differ, in words.
fn differences(path: &str, expected: &Value, found: &Value, into: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
            for name in names {
                let path = format!("{path} {name}");
                match (expected.get(name), found.get(name)) {
                    (Some(expected), Some(found)) => differences(&path, expected, found, into),
                    (Some(expected), None) => into.push(format!("{path}: missing {expected}")),
                    (None, found) => into.push(format!("{path}: too much {found:?}")),
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(&format!("{path}[{index}]"), expected, found, into);
            }
        }
        _ if expected != found => into.push(format!("{path}: {expected}, found {found}")),
        _ => {}
    }
}

#[test]
fn version_3_documents_hold_the_recorded_facts() {
    let Some(reference) = reference() else { return };
    let mut found = Vec::new();
    for name in v3_documents() {
        let mut json = Vec::new();
        assert!(
            write_v3(&name, INFO, &mut json).expect("writes to memory"),
            "{name}"
        );
        let file = Path::new(&reference).join(format!("openapi-v3/{}.json.gz", name.replace('/', "_")));
        let written = serde_json::from_slice(&json).expect("a document's JSON");
        differences(&name, &facts(recorded(&file)), &facts(written), &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_version_2_document_holds_the_recorded_facts() {
    let Some(reference) = reference() else { return };
    let mut json = Vec::new();
    write_v2(INFO, &[], &mut json).expect("writes to memory");
    let written = serde_json::from_slice(&json).expect("a document's JSON");
    let mut found = Vec::new();
    let file = Path::new(&reference).join("openapi-v2.json.gz");
    differences("", &facts(recorded(&file)), &facts(written), &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
