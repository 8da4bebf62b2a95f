//! Subresources, columns of tables and selectable fields of a version.

use std::collections::BTreeSet;

use schema::structural::{Node, TypeName, paths};

use crate::toolkit::Field;

/// What a column shows.
const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
/// How it shows it.
const FORMATS: [&str; 8] = [
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
];
/// A version has no more selectable fields.
const MAX_SELECTABLE: usize = 8;

/// The paths of a scale.
pub fn subresources(subresources: &Field) {
    let scale = subresources.child("scale");
    if !scale.is_set() {
        return;
    }
    let replicas = [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")];
    for (field, below) in replicas {
        let path = scale.child(field);
        if path.is_empty() {
            path.required("");
        } else if is_simple_path(&path) && !path.text().starts_with(below) {
            let place = below.trim_end_matches('.');
            path.invalid(&format!("should be a json path under {place}"));
        }
    }
    let selector = scale.child("labelSelectorPath");
    let is_below = |text: &str| text.starts_with(".spec.") || text.starts_with(".status.");
    if !selector.is_empty() && is_simple_path(&selector) && !is_below(selector.text()) {
        selector.invalid("should be a json path under either .spec or .status");
    }
}

/// Columns of the table.
pub fn columns(columns: &Field) {
    for column in columns.items() {
        let name = column.child("name");
        if name.is_empty() {
            name.required("");
        }
        let kind = column.child("type");
        let choice = format!("must be one of {}", TYPES.join(","));
        if kind.is_empty() {
            kind.required(&choice);
        } else if !TYPES.contains(&kind.text()) {
            kind.invalid(&choice);
        }
        let format = column.child("format");
        if !format.is_empty() && !FORMATS.contains(&format.text()) {
            format.invalid(&format!("must be one of {}", FORMATS.join(",")));
        }
        let path = column.value().and_then(|column| column.get("jsonPath"));
        let path = column.standing_for("JSONPath", path);
        if path.is_empty() {
            path.required("");
        } else {
            is_simple_path(&path);
        }
    }
}

fn is_simple_path(path: &Field) -> bool {
    let is_simple = path.text().starts_with('.');
    if !is_simple {
        path.invalid("must be a simple json path starting with .");
    }
    is_simple
}

/// Fields that field selectors may name. `may_be_many`: there were more already.
pub fn selectable(fields: &Field, root: Option<&Node>, may_be_many: bool) {
    let mut known = BTreeSet::new();
    for field in fields.items() {
        let path = field.child("jsonPath");
        if path.is_empty() {
            path.required("");
            continue;
        }
        let Some(root) = root else { continue };
        let (place, node) = match paths::field_at(root, path.text(), false) {
            Ok(found) => found,
            Err(error) => {
                path.invalid(&format!("is an invalid path: {error}"));
                continue;
            }
        };
        if path.text() == ".metadata" || path.text().starts_with(".metadata.") {
            path.invalid("must not point to fields in metadata");
        }
        let is_allowed = matches!(
            node.type_name,
            Some(TypeName::String | TypeName::Boolean | TypeName::Integer)
        );
        if !is_allowed {
            path.invalid("must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.");
        }
        if !known.insert(place.to_string()) {
            path.duplicate();
        }
    }
    if known.len() > MAX_SELECTABLE && !may_be_many {
        let path = fields.path();
        fields
            .report()
            .push(meta::FieldError::too_many(&path, known.len(), MAX_SELECTABLE));
    }
}
