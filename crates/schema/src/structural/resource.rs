//! Everything that a schema has to say of a custom resource that is written, in upstream's order. Metadata of the object itself
//! is checked elsewhere, as that of all kinds is.

use meta::field::FieldErrorKind;
use meta::{ErrorList, FieldError, Path};
use serde_json::Value;

use super::{ScalePaths, StructuralSchema};

/// What is wrong with a new object.
pub fn validate(schema: &StructuralSchema, scale: Option<&ScalePaths>, object: &Value) -> ErrorList {
    let wrong_kind = schema.validate_type(object);
    if !wrong_kind.is_empty() {
        return wrong_kind;
    }
    let mut errors = schema.validate(object, &Path::root());
    errors.extend(validate_scale(scale, object));
    errors.extend(schema.validate_embedded(object));
    errors.extend(schema.validate_lists(object, None));
    errors
}

/// What is wrong with a change.
pub fn validate_update(
    schema: &StructuralSchema,
    scale: Option<&ScalePaths>,
    new: &Value,
    old: &Value,
) -> ErrorList {
    let wrong_kind = schema.validate_type(new);
    if !wrong_kind.is_empty() {
        return wrong_kind;
    }
    let mut errors = schema.validate_update(new, old, &Path::root());
    errors.extend(validate_scale(scale, new));
    errors.extend(schema.validate_embedded(new));
    errors.extend(schema.validate_lists(new, Some(old)));
    errors
}

/// What is wrong with a change through the endpoint of the status.
pub fn validate_status_update(
    schema: &StructuralSchema,
    scale: Option<&ScalePaths>,
    new: &Value,
    old: &Value,
) -> ErrorList {
    let wrong_kind = schema.validate_type(new);
    if !wrong_kind.is_empty() {
        return wrong_kind;
    }
    let mut errors = schema.validate_status_update(new, old);
    errors.extend(scale.into_iter().flat_map(|scale| scale.validate_status(new)));
    errors.extend(schema.validate_lists(new, Some(old)));
    errors
}

fn validate_scale(scale: Option<&ScalePaths>, object: &Value) -> ErrorList {
    let Some(scale) = scale else {
        return ErrorList::new();
    };
    let mut errors = scale.validate_spec(object);
    errors.extend(scale.validate_status(object));
    errors
}

/// If rules in CEL cannot be asked because of what is wrong already: what the client is told of that. They can rely on types.
pub fn keeps_from_rules(errors: &ErrorList) -> Option<FieldError> {
    let blocks = |error: &FieldError| {
        matches!(
            error.kind,
            FieldErrorKind::NotSupported
                | FieldErrorKind::Required
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
                | FieldErrorKind::TypeInvalid
        )
    };
    let told = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
    errors
        .iter()
        .any(blocks)
        .then(|| FieldError::invalid(&Path::root(), Value::Null, told))
}

/// What clients are told of finalizers that they add: those without a domain and a path may be another's too.
pub fn finalizer_warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    let before: Vec<&str> = old.map(finalizers).unwrap_or_default();
    let mut added = finalizers(new);
    added.retain(|finalizer| !before.contains(finalizer));
    added.sort_unstable();
    added.dedup();
    added.into_iter().flat_map(finalizer_problems).collect()
}

fn finalizers(object: &Value) -> Vec<&str> {
    let finalizers = object
        .get("metadata")
        .and_then(|metadata| metadata.get("finalizers"));
    let finalizers = finalizers.and_then(Value::as_array).into_iter().flatten();
    finalizers.filter_map(Value::as_str).collect()
}

fn finalizer_problems(finalizer: &str) -> Vec<String> {
    const STANDARD: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];
    let mut problems = meta::name::qualified_name(finalizer);
    if !finalizer.contains('/') && !STANDARD.contains(&finalizer) {
        let path = if finalizer.contains('.') {
            "including a path (/) "
        } else {
            ""
        };
        problems.push(format!(
            "prefer a domain-qualified finalizer name {path}to avoid accidental conflicts with other finalizer writers"
        ));
    }
    let quoted = meta::quote(finalizer);
    problems
        .iter()
        .map(|problem| format!("metadata.finalizers: {quoted}: {problem}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finalizers_should_say_whose_they_are() {
        let object = |finalizers: &[&str]| json!({"metadata": {"finalizers": finalizers}});
        assert_eq!(
            finalizer_warnings(&object(&["b.example.com", "a", "example.com/x", "orphan"]), None),
            [
                r#"metadata.finalizers: "a": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"#,
                r#"metadata.finalizers: "b.example.com": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers"#,
            ]
        );
        assert!(finalizer_warnings(&object(&["a"]), Some(&object(&["a"]))).is_empty());
    }

    #[test]
    fn rules_are_asked_of_objects_that_are_what_they_should_be() {
        let path = Path::new("x");
        let of_value = vec![FieldError::invalid(&path, 1, "too little")];
        assert!(keeps_from_rules(&of_value).is_none());
        let of_type = vec![FieldError::type_invalid(&path, "string", "no")];
        let told = keeps_from_rules(&of_type).map(|error| error.to_string());
        assert!(
            told.is_some_and(|told| told.starts_with("<nil>: Invalid value: null: some validation rules"))
        );
    }
}
