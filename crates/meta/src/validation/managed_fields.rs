//! The form of managed fields and of the names of their managers.

use serde_json::Value;

use super::text;
use crate::field::{ErrorList, FieldError, Path};
use crate::quote::is_printable;

const MANAGER_MAX_BYTES: usize = 128;
const SUBRESOURCE_MAX_BYTES: usize = 256;

/// The entries of `managedFields`, their field sets aside.
pub fn managed_fields(path: &Path, entries: &[Value]) -> ErrorList {
    let mut errors = ErrorList::new();
    for (i, entry) in entries.iter().enumerate() {
        let path = path.index(i);
        let Some(entry) = entry.as_object() else {
            continue;
        };
        let operation = text(entry, "operation");
        if !matches!(operation, "Apply" | "Update") {
            let problem = "must be `Apply` or `Update`";
            errors.push(FieldError::invalid(&path.child("operation"), operation, problem));
        }
        let kind = text(entry, "fieldsType");
        if !matches!(kind, "" | "FieldsV1") {
            errors.push(FieldError::invalid(
                &path.child("fieldsType"),
                kind,
                "must be `FieldsV1`",
            ));
        }
        errors.extend(field_manager(&path.child("manager"), text(entry, "manager")));
        if text(entry, "subresource").len() > SUBRESOURCE_MAX_BYTES {
            errors.push(FieldError::too_long(
                &path.child("subresource"),
                SUBRESOURCE_MAX_BYTES,
            ));
        }
    }
    errors
}

/// The name of a field manager: not too long, and printable.
pub fn field_manager(path: &Path, manager: &str) -> ErrorList {
    let mut errors = ErrorList::new();
    if manager.len() > MANAGER_MAX_BYTES {
        errors.push(FieldError::too_long(path, MANAGER_MAX_BYTES));
    }
    if let Some((at, c)) = manager.char_indices().find(|&(_, c)| !is_printable(c)) {
        let problem = format!("invalid character U+{:04X} (at position {at})", u32::from(c));
        errors.push(FieldError::invalid(path, manager, &problem));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_have_the_known_form() {
        let entries = json!([
            {"manager": "m", "operation": "Apply", "fieldsType": "FieldsV1"},
            {"manager": "a\u{7}b", "operation": "Sing", "fieldsType": "FieldsV9", "subresource": "s".repeat(257)},
        ]);
        let errors = managed_fields(&Path::new("metadata.managedFields"), entries.as_array().unwrap());
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "metadata.managedFields[1].operation: Invalid value: \"Sing\": must be `Apply` or `Update`",
                "metadata.managedFields[1].fieldsType: Invalid value: \"FieldsV9\": must be `FieldsV1`",
                "metadata.managedFields[1].manager: Invalid value: \"a\\ab\": invalid character U+0007 (at position 1)",
                "metadata.managedFields[1].subresource: Too long: may not be more than 256 bytes",
            ]
        );
    }

    #[test]
    fn managers_are_short() {
        assert!(field_manager(&Path::new("m"), &"m".repeat(128)).is_empty());
        assert_eq!(
            field_manager(&Path::new("m"), &"m".repeat(129))[0].to_string(),
            "m: Too long: may not be more than 128 bytes"
        );
    }
}
