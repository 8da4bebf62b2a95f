//! References to owners.

use serde::Deserialize;
use serde_json::Value;

use crate::field::{ErrorList, FieldError, FieldErrorKind, Path};
use crate::group::GroupVersion;
use crate::object::OwnerReference;

/// What is wrong with each reference, and that one owner at most is the controller.
pub fn owner_references(path: &Path, references: &[Value]) -> ErrorList {
    let references: Vec<OwnerReference> = references
        .iter()
        .map(|reference| OwnerReference::deserialize(reference).unwrap_or_default())
        .collect();
    let mut errors = ErrorList::new();
    let mut controller: Option<&OwnerReference> = None;
    for reference in &references {
        errors.extend(owner_reference(path, reference));
        if reference.controller != Some(true) {
            continue;
        }
        match controller {
            None => controller = Some(reference),
            Some(first) => errors.push(invalid(
                path,
                &references,
                &format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
                    first.kind, first.name, reference.kind, reference.name
                ),
            )),
        }
    }
    errors
}

fn owner_reference(path: &Path, reference: &OwnerReference) -> ErrorList {
    let mut errors = ErrorList::new();
    let version = GroupVersion::parse(&reference.api_version);
    if version.is_none_or(|parsed| parsed.version.is_empty()) {
        let problem = "version must not be empty";
        errors.push(FieldError::invalid(
            &path.child("apiVersion"),
            reference.api_version.as_str(),
            problem,
        ));
    }
    for (field, value) in [
        ("kind", &reference.kind),
        ("name", &reference.name),
        ("uid", &reference.uid),
    ] {
        if value.is_empty() {
            errors.push(FieldError::invalid(
                &path.child(field),
                value.as_str(),
                "must not be empty",
            ));
        }
    }
    // Events come and go too fast for anything to hang on them.
    if reference.api_version == "v1" && reference.kind == "Event" {
        errors.push(invalid(
            path,
            reference,
            "/v1, Kind=Event is disallowed from being an owner",
        ));
    }
    errors
}

/// As [`FieldError::invalid`], with the value's fields in their own order rather than the alphabet's.
fn invalid(path: &Path, value: &impl serde::Serialize, detail: &str) -> FieldError {
    let value = serde_json::to_string(value).unwrap_or_default();
    FieldError {
        kind: FieldErrorKind::Invalid,
        path: path.clone(),
        message: format!("Invalid value: {value}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(references: Value, expected: &[&str]) {
        let errors = owner_references(
            &Path::new("metadata.ownerReferences"),
            references.as_array().unwrap(),
        );
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, expected);
    }

    #[test]
    fn references_are_complete() {
        check(
            json!([{"apiVersion": "apps/v1", "kind": "A", "name": "a", "uid": "u", "controller": true}]),
            &[],
        );
        check(
            json!([{"apiVersion": "a/b/c"}]),
            &[
                "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty",
                "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
                "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
            ],
        );
        check(
            json!([{"apiVersion": "v1", "kind": "Event", "name": "o", "uid": "u"}]),
            &[
                "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"o\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner",
            ],
        );
    }

    #[test]
    fn one_owner_controls() {
        check(
            json!([
                {"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "u", "controller": true},
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "v", "controller": true},
            ]),
            &[
                "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"o\",\"uid\":\"u\",\"controller\":true},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"v\",\"controller\":true}]: Only one reference can have Controller set to true. Found \"true\" in references for Pod/o and Pod/p",
            ],
        );
    }
}
