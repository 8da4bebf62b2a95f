//! Configuration for drivers, which nobody else can read.

use serde_json::Value;

use super::names;
use crate::toolkit::Field;

/// The most bytes that drivers are told.
pub const MOST_BYTES: usize = 10 * 1024;

/// Configuration for a driver.
pub fn rules(config: &Field) {
    let opaque = config.child("opaque");
    if !opaque.is_set() {
        return opaque.required("");
    }
    names::driver(&opaque.child("driver"));
    object(&opaque.child("parameters"));
}

/// An object that is not looked into.
pub fn object(raw: &Field) {
    let Some(value) = raw.value() else {
        return raw.required("");
    };
    if value.to_string().len() > MOST_BYTES {
        raw.too_long(MOST_BYTES);
    } else if !matches!(value, Value::Object(_)) {
        raw.invalid_as("<value omitted>", "must be a valid JSON object");
    }
}
