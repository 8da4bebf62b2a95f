//! Validation errors that name the field, in upstream's words: they become the causes of a 422 Status.

use std::fmt;

use serde_json::Value;

use crate::quote::quote;

/// Where in an object a field stands: `spec.containers[0].image`, `metadata.labels[a.b/c]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The object itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A field of this object.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// An item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// An entry of this map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// As text; `<nil>` for the object itself, as upstream prints it.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "<nil>" } else { &self.0 }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a field; the `reason` of a Status cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// `FieldValueNotFound`.
    NotFound,
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueDuplicate`.
    Duplicate,
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueNotSupported`.
    NotSupported,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueTooLong`.
    TooLong,
    /// `FieldValueTooMany`.
    TooMany,
    /// `InternalError`.
    Internal,
    /// `FieldValueTypeInvalid`.
    TypeInvalid,
}

impl FieldErrorKind {
    /// The machine-readable reason in a Status cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What sort of wrong.
    pub kind: FieldErrorKind,
    /// Where.
    pub path: Path,
    /// The cause's message: words, value and detail, without the path.
    pub message: String,
}

impl FieldError {
    fn with_value(kind: FieldErrorKind, path: &Path, value: &Value, detail: &str) -> Self {
        let words = kind.words();
        let value = printed(value);
        let message = if detail.is_empty() {
            format!("{words}: {value}")
        } else {
            format!("{words}: {value}: {detail}")
        };
        Self {
            kind,
            path: path.clone(),
            message,
        }
    }

    fn without_value(kind: FieldErrorKind, path: &Path, detail: &str) -> Self {
        let words = kind.words();
        let message = if detail.is_empty() {
            words.to_owned()
        } else {
            format!("{words}: {detail}")
        };
        Self {
            kind,
            path: path.clone(),
            message,
        }
    }

    /// `Required value[: detail]`.
    pub fn required(path: &Path, detail: &str) -> Self {
        Self::without_value(FieldErrorKind::Required, path, detail)
    }

    /// `Forbidden[: detail]`.
    pub fn forbidden(path: &Path, detail: &str) -> Self {
        Self::without_value(FieldErrorKind::Forbidden, path, detail)
    }

    /// `Internal error: detail`.
    pub fn internal(path: &Path, detail: &str) -> Self {
        Self::without_value(FieldErrorKind::Internal, path, detail)
    }

    /// `Invalid value: VALUE: detail`.
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: &str) -> Self {
        Self::with_value(FieldErrorKind::Invalid, path, &value.into(), detail)
    }

    /// `Invalid value: VALUE: detail`, for a value of the wrong type.
    pub fn type_invalid(path: &Path, value: impl Into<Value>, detail: &str) -> Self {
        Self::with_value(FieldErrorKind::TypeInvalid, path, &value.into(), detail)
    }

    /// `Duplicate value: VALUE`.
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Self {
        Self::with_value(FieldErrorKind::Duplicate, path, &value.into(), "")
    }

    /// `Not found: VALUE`.
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Self {
        Self::with_value(FieldErrorKind::NotFound, path, &value.into(), "")
    }

    /// `Unsupported value: VALUE: supported values: "a", "b"`; the values in the order given.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|s| quote(s)).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        Self::with_value(FieldErrorKind::NotSupported, path, &value.into(), &detail)
    }

    /// `Too long: may not be more than N bytes`.
    pub fn too_long(path: &Path, max_bytes: usize) -> Self {
        let unit = if max_bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max_bytes} {unit}");
        Self::without_value(FieldErrorKind::TooLong, path, &detail)
    }

    /// `Too many: ACTUAL: must have at most MAX items`.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::with_value(FieldErrorKind::TooMany, path, &Value::from(actual), &detail)
    }
}

/// Path and message, as it stands in the message of a Status.
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything wrong with an object; empty means valid.
pub type ErrorList = Vec<FieldError>;

/// A value as upstream prints it in a message: text quoted, numbers and booleans plain, null as `null`, the rest as JSON.
fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &FieldError, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn errors_read_as_upstream_writes_them() {
        let image = Path::new("spec").child("containers").index(0).child("image");
        check(
            &FieldError::required(&image, ""),
            "spec.containers[0].image: Required value",
        );
        check(
            &FieldError::invalid(
                &Path::new("spec").child("replicas"),
                -1,
                "must be greater than or equal to 0",
            ),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        );
        check(
            &FieldError::not_supported(&Path::new("spec.type"), "x", &["A", "B"]),
            r#"spec.type: Unsupported value: "x": supported values: "A", "B""#,
        );
        check(
            &FieldError::duplicate(&Path::new("a").key("b"), "c"),
            r#"a[b]: Duplicate value: "c""#,
        );
        let name = Path::new("a");
        check(
            &FieldError::too_long(&name, 1),
            "a: Too long: may not be more than 1 byte",
        );
        check(
            &FieldError::too_long(&name, 2),
            "a: Too long: may not be more than 2 bytes",
        );
    }
}
