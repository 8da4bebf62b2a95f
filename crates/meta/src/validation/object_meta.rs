//! Object metadata, on create and on update.

use serde_json::{Map, Value};

use super::{
    annotations, immutable, invalid, labels, list, managed_fields, map, non_negative, owner_references, text,
};
use crate::field::{ErrorList, FieldError, Path};
use crate::name;

/// What a kind asks of its metadata.
pub struct MetaRules<'a> {
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// What is wrong with a name, or with a beginning of one if the flag is set.
    pub name: &'a dyn Fn(&str, bool) -> Vec<String>,
    /// Whether finalizers without a domain must be among the known ones. True for most built-in kinds, false for custom
    /// resources and for the kinds that describe the API itself.
    pub known_finalizers: bool,
}

/// Finalizers without a domain that Kubernetes itself has.
const KNOWN_FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

/// Everything wrong with the metadata of an object.
pub fn object_meta(path: &Path, metadata: &Map<String, Value>, rules: &MetaRules<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let generate_name = text(metadata, "generateName");
    if !generate_name.is_empty() {
        let problems = (rules.name)(generate_name, true);
        errors.extend(invalid(&path.child("generateName"), generate_name, problems));
    }
    let name = text(metadata, "name");
    if name.is_empty() {
        errors.push(FieldError::required(
            &path.child("name"),
            "name or generateName is required",
        ));
    } else {
        errors.extend(invalid(&path.child("name"), name, (rules.name)(name, false)));
    }
    errors.extend(namespace(
        &path.child("namespace"),
        text(metadata, "namespace"),
        rules.namespaced,
    ));
    let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or(0);
    errors.extend(non_negative(&path.child("generation"), generation));
    errors.extend(free_fields(path, metadata));
    errors.extend(finalizers(
        &path.child("finalizers"),
        list(metadata, "finalizers"),
    ));
    if rules.known_finalizers {
        errors.extend(unknown_finalizers(path, metadata));
    }
    errors
}

/// Everything wrong with a change of metadata. `new` has already been given what it left out (see [`carry_over`]).
pub fn object_meta_update(
    path: &Path,
    new: &Map<String, Value>,
    old: &Map<String, Value>,
    rules: &MetaRules<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if old.contains_key("deletionTimestamp") {
        errors.extend(new_finalizers(&path.child("finalizers"), new, old));
    }
    let generation =
        |metadata: &Map<String, Value>| metadata.get("generation").and_then(Value::as_i64).unwrap_or(0);
    if generation(new) < generation(old) {
        let problem = "must not be decremented";
        errors.push(FieldError::invalid(
            &path.child("generation"),
            generation(new),
            problem,
        ));
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        errors.extend(immutable(&path.child(field), new.get(field), old.get(field)));
    }
    errors.extend(free_fields(path, new));
    if rules.known_finalizers {
        errors.extend(unknown_finalizers(path, new));
    }
    errors
}

/// Gives a changed object what only the server sets: fields that the client left out, and those it can never take away.
pub fn carry_over(new: &mut Map<String, Value>, old: &Map<String, Value>) {
    let is_unset =
        |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.as_str() == Some(""));
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let server_keeps = field == "deletionTimestamp" && old.contains_key(field);
        if is_unset(new.get(field)) || server_keeps {
            match old.get(field) {
                Some(value) => new.insert(field.to_owned(), value.clone()),
                None => new.remove(field),
            };
        }
    }
}

/// Finalizers are qualified names, and garbage collection is asked for one thing only.
pub fn finalizers(path: &Path, finalizers: &[Value]) -> ErrorList {
    let names = || finalizers.iter().filter_map(Value::as_str);
    let mut errors: ErrorList = names()
        .flat_map(|finalizer| invalid(path, finalizer, name::qualified_name(finalizer)))
        .collect();
    let has = |name: &str| names().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let problem = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(path, finalizers.to_vec(), problem));
    }
    errors
}

fn namespace(path: &Path, namespace: &str, namespaced: bool) -> ErrorList {
    match (namespaced, namespace.is_empty()) {
        (true, true) => vec![FieldError::required(path, "")],
        (true, false) => invalid(path, namespace, name::dns1123_label(namespace)),
        (false, true) => ErrorList::new(),
        (false, false) => vec![FieldError::forbidden(path, "not allowed on this type")],
    }
}

/// What may be wrong on create and on update alike.
fn free_fields(path: &Path, metadata: &Map<String, Value>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(map) = map(metadata, "labels") {
        errors.extend(labels(&path.child("labels"), map));
    }
    if let Some(map) = map(metadata, "annotations") {
        errors.extend(annotations(&path.child("annotations"), map));
    }
    errors.extend(owner_references(
        &path.child("ownerReferences"),
        list(metadata, "ownerReferences"),
    ));
    errors.extend(managed_fields(
        &path.child("managedFields"),
        list(metadata, "managedFields"),
    ));
    errors
}

fn unknown_finalizers(path: &Path, metadata: &Map<String, Value>) -> ErrorList {
    let path = path.child("finalizers");
    let names = list(metadata, "finalizers")
        .iter()
        .map(|name| name.as_str().unwrap_or(""));
    names
        .enumerate()
        .filter(|(_, name)| !name.contains('/') && !KNOWN_FINALIZERS.contains(name))
        .map(|(i, name)| {
            let problem = "name is neither a standard finalizer name nor is it fully qualified";
            FieldError::invalid(&path.index(i), name, problem)
        })
        .collect()
}

fn new_finalizers(path: &Path, new: &Map<String, Value>, old: &Map<String, Value>) -> ErrorList {
    let old = list(old, "finalizers");
    let mut added: Vec<&str> = list(new, "finalizers")
        .iter()
        .filter(|finalizer| !old.contains(finalizer))
        .filter_map(Value::as_str)
        .collect();
    if added.is_empty() {
        return ErrorList::new();
    }
    added.sort_unstable();
    added.dedup();
    let quoted: Vec<String> = added.into_iter().map(crate::quote::quote).collect();
    let problem = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        quoted.join(", ")
    );
    vec![FieldError::forbidden(path, &problem)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: MetaRules<'_> = MetaRules {
        namespaced: true,
        name: &|name, prefix| {
            if prefix {
                name::dns1123_subdomain_prefix(name)
            } else {
                name::dns1123_subdomain(name)
            }
        },
        known_finalizers: true,
    };

    fn texts(errors: &ErrorList) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    fn check(metadata: Value, expected: &[&str]) {
        let metadata = metadata.as_object().unwrap();
        assert_eq!(
            texts(&object_meta(&Path::new("metadata"), metadata, &RULES)),
            expected
        );
    }

    #[test]
    fn names_and_namespaces() {
        check(
            json!({"name": "a", "namespace": "b", "generateName": "gen-"}),
            &[],
        );
        check(
            json!({"namespace": "b"}),
            &["metadata.name: Required value: name or generateName is required"],
        );
        check(json!({"name": "a"}), &["metadata.namespace: Required value"]);
        check(
            json!({"name": "a", "namespace": "b.c"}),
            &["metadata.namespace: Invalid value: \"b.c\": must not contain dots"],
        );
        check(
            json!({"name": "a", "namespace": "b", "generation": -1}),
            &["metadata.generation: Invalid value: -1: must be greater than or equal to 0"],
        );
    }

    #[test]
    fn finalizers_are_qualified() {
        const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        const UNKNOWN: &str = "name is neither a standard finalizer name nor is it fully qualified";
        let with = |finalizers: Value| json!({"name": "a", "namespace": "b", "finalizers": finalizers});
        check(with(json!(["a.b/c", "orphan", "kubernetes"])), &[]);
        check(
            with(json!(["abc"])),
            &[&format!(
                "metadata.finalizers[0]: Invalid value: \"abc\": {UNKNOWN}"
            )],
        );
        check(
            with(json!(["a b"])),
            &[
                &format!("metadata.finalizers: Invalid value: \"a b\": {NAME}"),
                &format!("metadata.finalizers[0]: Invalid value: \"a b\": {UNKNOWN}"),
            ],
        );
        check(
            with(json!(["orphan", "foregroundDeletion"])),
            &[
                "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
            ],
        );
    }

    #[test]
    fn annotations_have_a_size() {
        let with =
            |bytes: usize| json!({"name": "a", "namespace": "b", "annotations": {"k": "v".repeat(bytes)}});
        check(with(256 * 1024 - 1), &[]);
        check(
            with(256 * 1024),
            &["metadata.annotations: Too long: may not be more than 262144 bytes"],
        );
    }

    #[test]
    fn some_fields_never_change() {
        let old = json!({"name": "a", "namespace": "b", "uid": "u", "creationTimestamp": "2020-01-01T00:00:00Z", "generation": 2});
        let check = |change: Value, old: &Value, expected: &[&str]| {
            let mut new = old.clone();
            for (field, value) in change.as_object().unwrap() {
                new[field] = value.clone();
            }
            let (mut new, old) = (new.as_object().unwrap().clone(), old.as_object().unwrap());
            carry_over(&mut new, old);
            assert_eq!(
                texts(&object_meta_update(&Path::new("metadata"), &new, old, &RULES)),
                expected
            );
        };
        check(json!({}), &old, &[]);
        check(
            json!({"uid": "", "creationTimestamp": null, "deletionTimestamp": null}),
            &old,
            &[],
        );
        check(
            json!({"uid": "v"}),
            &old,
            &["metadata.uid: Invalid value: \"v\": field is immutable"],
        );
        check(
            json!({"generation": 1}),
            &old,
            &["metadata.generation: Invalid value: 1: must not be decremented"],
        );
        check(
            json!({"deletionTimestamp": "2001-02-03T04:05:06Z"}),
            &old,
            &["metadata.deletionTimestamp: Invalid value: \"2001-02-03T04:05:06Z\": field is immutable"],
        );
        let mut deleted = old;
        deleted["deletionTimestamp"] = json!("2020-01-02T00:00:00Z");
        deleted["deletionGracePeriodSeconds"] = json!(0);
        check(
            json!({"deletionTimestamp": null, "deletionGracePeriodSeconds": null}),
            &deleted,
            &[],
        );
        check(
            json!({"finalizers": ["a.b/d", "a.b/c"]}),
            &deleted,
            &[
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a.b/c\", \"a.b/d\"}",
            ],
        );
    }
}
