//! Labels and annotations.

use serde_json::{Map, Value};

use super::invalid;
use crate::field::{ErrorList, FieldError, Path};
use crate::name;

/// The most bytes that annotations of an object may have, keys and values together.
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

/// Keys and values of labels.
pub fn labels(path: &Path, labels: &Map<String, Value>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (key, value) in labels {
        let value = value.as_str().unwrap_or("");
        errors.extend(invalid(path, key, name::label_key(key)));
        errors.extend(invalid(path, value, name::label_value(value)));
    }
    errors
}

/// Keys of annotations (in any case), and their size.
pub fn annotations(path: &Path, annotations: &Map<String, Value>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut bytes = 0;
    for (key, value) in annotations {
        errors.extend(invalid(path, key, name::qualified_name(&key.to_lowercase())));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_MAX_BYTES {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
    errors
}
