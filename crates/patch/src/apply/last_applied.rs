//! The annotation that client-side apply keeps: who changes over to server-side apply with kubectl owns what it says.

use serde_json::{Map, Value};

use crate::document::Document;
use crate::fields::{Delta, FieldSet};
use crate::managed::Write;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

/// The fields that the annotation says, as far as the object still has them so.
pub(super) fn owned(live: &Value, write: &Write<'_>) -> FieldSet {
    let Some(config) = annotation(live).and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return FieldSet::new();
    };
    if config.get("apiVersion").and_then(Value::as_str) != Some(write.api_version)
        || super::check::check(&config, write.schema).is_err()
    {
        return FieldSet::new();
    }
    let delta = Delta::between(&config, live, write.schema);
    FieldSet::of(&config, write.schema)
        .difference(&delta.changed)
        .difference(&delta.removed)
}

/// Keeps the annotation of an object up to date, if it has one, so that client-side apply still works.
pub(super) fn update(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let text = Document::Whole(without_annotation(config.clone())).to_text(None) + "\n";
    let Some(annotations) = annotations_mut(object) else {
        return;
    };
    annotations.insert(LAST_APPLIED.to_owned(), text.into());
    let bytes = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(bytes).sum::<usize>() > ANNOTATIONS_MAX_BYTES {
        annotations.remove(LAST_APPLIED);
    }
}

/// The annotation, if it is there and not empty.
fn annotation(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    annotations
        .get(LAST_APPLIED)?
        .as_str()
        .filter(|text| !text.is_empty())
}

fn annotations_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object
        .get_mut("metadata")?
        .get_mut("annotations")?
        .as_object_mut()
}

fn without_annotation(mut config: Value) -> Value {
    if let Some(annotations) = annotations_mut(&mut config) {
        annotations.remove(LAST_APPLIED);
    }
    config
}
