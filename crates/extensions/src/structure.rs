//! Whether a definition's schemas are structural. Those that come in must be; definitions of before 1.16, in an etcd that was
//! kept, need not be.

use meta::{ErrorList, FieldError, Path};
use schema::StructuralSchema;
use schema::structural::violations;
use serde_json::Value;

use crate::conditions::condition;
use crate::definition::{Condition, Definition};

/// The type of the condition.
pub(crate) const NON_STRUCTURAL: &str = "NonStructuralSchema";

/// `NonStructuralSchema`; none where all schemas are structural. The definition is whole.
pub(crate) fn judge(definition: &Definition) -> Option<Condition> {
    let mut errors = ErrorList::new();
    if definition.spec.preserve_unknown_fields {
        let place = Path::new("spec").child("preserveUnknownFields");
        errors.push(FieldError::invalid(&place, true, "must be false"));
    }
    let versions = Path::new("spec").child("versions");
    for (index, version) in definition.spec.versions.iter().enumerate() {
        let schema = &version.schema.open_api_v3_schema;
        if schema.is_null() {
            continue;
        }
        if let Some(problem) = unreadable(schema) {
            let message = format!(
                "failed to check validation schema for version {}: {problem}",
                version.name
            );
            return Some(condition(NON_STRUCTURAL, "Unknown", "StructuralError", &message));
        }
        let place = versions.index(index).child("schema").child("openAPIV3Schema");
        errors.extend(violations(schema, &place));
    }
    let message = meta::aggregate(errors)?;
    Some(condition(NON_STRUCTURAL, "True", "Violations", &message))
}

/// Whether a schema is structural: others are served, and not described.
pub(crate) fn is_structural(schema: &Value) -> bool {
    unreadable(schema).is_none() && violations(schema, &Path::root()).is_empty()
}

/// Why a schema is none at all. That a type is unknown is of no account here.
fn unreadable(schema: &Value) -> Option<String> {
    let error = StructuralSchema::read(schema).err()?;
    (!error.is_of_values()).then(|| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(keeps_unknown: bool, schemas: &[Value]) -> Option<(String, String)> {
        let versions: Vec<Value> = schemas
            .iter()
            .map(|schema| json!({"name": "v1", "schema": {"openAPIV3Schema": schema}}))
            .collect();
        let object = json!({"spec": {"versions": versions, "preserveUnknownFields": keeps_unknown}});
        let definition = Definition::read(&object).expect("a definition");
        judge(&definition).map(|condition| (condition.reason, condition.message))
    }

    #[test]
    fn what_is_not_structural_is_told() {
        let right = json!({"type": "object"});
        assert_eq!(told(false, &[right.clone(), Value::Null]), None);
        let violations = |message: &str| Some((String::from("Violations"), message.to_owned()));
        let keeps = "spec.preserveUnknownFields: Invalid value: true: must be false";
        assert_eq!(told(true, std::slice::from_ref(&right)), violations(keeps));
        let untyped = json!({"properties": {"spec": {"properties": {}}}});
        let of_type = "spec.versions[1].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for \
                       specified object fields, spec.versions[1].schema.openAPIV3Schema.type: Required value: must not be \
                       empty at the root";
        assert_eq!(
            told(false, &[right.clone(), untyped.clone()]),
            violations(&format!("[{of_type}]"))
        );
        assert_eq!(
            told(true, &[right, untyped]),
            violations(&format!("[{keeps}, {of_type}]"))
        );
    }

    #[test]
    fn a_schema_that_is_none_leaves_it_open() {
        let schema = json!({"type": "object", "patternProperties": {"a": {"type": "string"}}});
        let message = "failed to check validation schema for version v1: OpenAPIV3Schema 'patternProperties' is not supported";
        assert_eq!(
            told(true, &[json!({}), schema]),
            Some((String::from("StructuralError"), message.to_owned()))
        );
    }
}
