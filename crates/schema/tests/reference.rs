//! Every published sample object in its three forms, where `PINTLE_REFERENCE` names the folder of Kubernetes' published data.

use std::fs;
use std::path::{Path, PathBuf};

use meta::{GroupVersion, GroupVersionKind};
use schema::{
    FieldValidation, SchemaRef, TypeMeta, YamlDocument, builtin, decode_json, decode_protobuf,
    encode_protobuf, to_yaml,
};
use serde_json::Value;

/// A sample object: its name and its forms.
struct Sample {
    name: String,
    json: Vec<u8>,
    yaml: Vec<u8>,
    protobuf: Vec<u8>,
    schema: SchemaRef<'static>,
}

/// All samples; none where the folder is not given.
fn samples() -> Vec<Sample> {
    let Some(reference) = std::env::var_os("PINTLE_REFERENCE") else {
        eprintln!("PINTLE_REFERENCE is not set: nothing to compare with");
        return Vec::new();
    };
    let folder = Path::new(&reference).join("samples");
    let entries = fs::read_dir(&folder).expect("a folder of samples");
    let mut names: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no samples in {}", folder.display());
    names.iter().map(|path| sample(path)).collect()
}

fn sample(path: &Path) -> Sample {
    let form = |extension: &str| fs::read(path.with_extension(extension)).expect("a form of a sample");
    let json = form("json");
    let value: Value = serde_json::from_slice(&json).expect("a sample's JSON");
    Sample {
        name: path.display().to_string(),
        yaml: form("yaml"),
        protobuf: form("pb"),
        schema: builtin(&kind_of(&value)).expect("a built-in kind"),
        json,
    }
}

fn kind_of(object: &Value) -> GroupVersionKind {
    let TypeMeta { api_version, kind } = TypeMeta::of(object);
    if kind.is_empty() {
        // Watch events alone do not say what they are.
        return GroupVersionKind::new("", "v1", "WatchEvent");
    }
    GroupVersion::parse(&api_version)
        .expect("an apiVersion")
        .kind(kind)
}

#[test]
fn samples_decode_to_themselves() {
    for sample in samples() {
        let value: Value = serde_json::from_slice(&sample.json).expect("a sample's JSON");
        let decoded = decode_json(&sample.json, sample.schema, FieldValidation::Strict);
        assert_eq!(
            decoded.map(|(object, _)| object).as_ref(),
            Ok(&value),
            "{}",
            sample.name
        );
    }
}

#[test]
fn samples_are_the_same_in_yaml() {
    for sample in samples() {
        let value: Value = serde_json::from_slice(&sample.json).expect("a sample's JSON");
        for yaml in [&sample.yaml, to_yaml(&value).as_bytes()] {
            let read = YamlDocument::parse(yaml).map(YamlDocument::into_value);
            assert_eq!(read.as_ref(), Ok(&value), "{}", sample.name);
        }
    }
}

#[test]
fn samples_are_the_same_in_protobuf_byte_for_byte() {
    for sample in samples() {
        let value: Value = serde_json::from_slice(&sample.json).expect("a sample's JSON");
        let encoded = encode_protobuf(&value, sample.schema);
        assert!(encoded.as_ref() == Ok(&sample.protobuf), "{}", sample.name);
        let decoded = decode_protobuf(&sample.protobuf, sample.schema);
        assert_eq!(decoded, Ok(value), "{}", sample.name);
    }
}
