//! What is wrong with `apiVersion`, `kind` and `metadata` of embedded objects.

use meta::validation::{MetaRules, object_meta};
use meta::{ErrorList, FieldError, GroupVersion, Path};
use serde_json::{Map, Value};

use super::metadata;
use super::node::Node;

/// Checks all embedded objects, and the object itself if `is_root_too`.
pub(super) fn validate(object: &Value, root: &Node, is_root_too: bool, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if is_root_too && object.is_object() {
        resource(object, path, &mut errors);
    }
    below(object, root, path, &mut errors);
    errors
}

fn value(value: &Value, node: &Node, path: &Path, errors: &mut ErrorList) {
    if node.is_resource && value.is_object() {
        resource(value, path, errors);
    }
    below(value, node, path, errors);
}

fn below(object: &Value, node: &Node, path: &Path, errors: &mut ErrorList) {
    if !node.holds.embedded {
        return;
    }
    match object {
        Value::Object(fields) => {
            for (name, field) in fields {
                let Some(below) = node.field(name).filter(|below| below.holds.embedded) else {
                    continue;
                };
                let is_declared = node.properties.contains_key(name);
                let path = if is_declared {
                    path.child(name)
                } else {
                    path.key(name)
                };
                value(field, below, &path, errors);
            }
        }
        Value::Array(items) => {
            if let Some(below) = &node.items {
                for (index, item) in items.iter().enumerate() {
                    value(item, below, &path.index(index), errors);
                }
            }
        }
        _ => {}
    }
}

fn resource(object: &Value, path: &Path, errors: &mut ErrorList) {
    let mut text = |field: &str, check: fn(&str) -> Option<String>| {
        let place = path.child(field);
        match object.get(field) {
            None => errors.push(FieldError::required(&place, "")),
            Some(Value::String(text)) if text.is_empty() => errors.push(FieldError::required(&place, "")),
            Some(Value::String(text)) => {
                errors
                    .extend(check(text).map(|problem| FieldError::invalid(&place, text.as_str(), &problem)));
            }
            Some(other) => errors.push(FieldError::invalid(&place, other.clone(), "must be a string")),
        }
    };
    text("apiVersion", api_version_problem);
    text("kind", kind_problem);
    if let Some(metadata) = object.get("metadata") {
        check_metadata(metadata, &path.child("metadata"), errors);
    }
}

fn api_version_problem(text: &str) -> Option<String> {
    let problem = format!("unexpected GroupVersion string: {text}");
    GroupVersion::parse(text).is_none().then_some(problem)
}

fn kind_problem(kind: &str) -> Option<String> {
    let problems = meta::name::dns1035_label(&kind.to_lowercase());
    let joined = problems.join(",");
    (!problems.is_empty()).then(|| format!("may have mixed case, but should otherwise match: {joined}"))
}

fn check_metadata(given: &Value, path: &Path, errors: &mut ErrorList) {
    let mut metadata = match metadata::read(given.clone()) {
        Ok((Value::Object(metadata), _)) => metadata,
        Ok(_) => return,
        Err(message) => return errors.push(FieldError::invalid(path, given.clone(), &message)),
    };
    // Without a name there would be an error that does not matter here.
    if text_of(&metadata, "name").is_empty() {
        metadata.insert("name".to_owned(), "fakename".into());
    }
    let rules = MetaRules {
        namespaced: !text_of(&metadata, "namespace").is_empty(),
        name: &|name, prefix| match prefix {
            true => meta::name::path_segment_prefix(name),
            false => meta::name::path_segment(name),
        },
        known_finalizers: false,
    };
    errors.extend(object_meta(path, &metadata, &rules));
}

fn text_of<'v>(metadata: &'v Map<String, Value>, field: &str) -> &'v str {
    metadata.get(field).and_then(Value::as_str).unwrap_or("")
}
