//! What an object says it is, found before the rest of it is decoded.

use serde_json::{Map, Value};

use super::{DecodeError, FieldValidation, decode_json};
use crate::reference::SchemaRef;
use crate::table::{Kind, Package, Type, field};

/// `apiVersion` and `kind`, empty where not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeMeta {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
}

impl TypeMeta {
    /// What `object` says it is.
    pub fn of(object: &Value) -> Self {
        let text = |name: &str| {
            object
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            api_version: text("apiVersion"),
            kind: text("kind"),
        }
    }

    /// The object, saying that.
    pub(crate) fn put_into(self, mut object: Map<String, Value>) -> Map<String, Value> {
        for (name, text) in [("apiVersion", self.api_version), ("kind", self.kind)] {
            if !text.is_empty() {
                object.insert(name.to_owned(), Value::String(text));
            }
        }
        object
    }
}

/// Go's nameless struct with these two fields.
static TYPE_META: Type = Type {
    package: &Package {
        go_name: "",
        openapi_name: "",
    },
    name: "",
    fields: &[
        field(0, "apiVersion", Kind::String).omitempty(),
        field(0, "kind", Kind::String).omitempty(),
    ],
    by_name: &[0, 1],
    by_number: &[],
    embedded: &[],
    message: false,
    atomic: false,
    union: None,
};

/// How Go names that struct.
const GO_TYPE: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// Reads what the object in `json` says it is.
///
/// # Errors
/// If it is no JSON, or not an object, or one of the two is no text.
pub fn type_meta(json: &[u8]) -> Result<TypeMeta, DecodeError> {
    let decoded = decode_json(json, SchemaRef::of_type(&TYPE_META), FieldValidation::Ignore);
    let unreadable = |message: String| format!("couldn't get version/kind; json parse error: {message}");
    let (value, _) = decoded.map_err(|error| match error {
        DecodeError::Syntax(message) => DecodeError::Syntax(unreadable(message)),
        DecodeError::Value(message) => DecodeError::Value(unreadable(
            message.replace("of type .", &format!("of type {GO_TYPE}")),
        )),
        strict @ DecodeError::Strict(_) => strict,
    })?;
    Ok(TypeMeta::of(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_says_what_it_is() {
        let read = type_meta(br#"{"spec":{"kind":"no"},"kind":"Secret","apiVersion":"v1","kind":"Pod"}"#);
        let expected = TypeMeta {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
        };
        assert_eq!(read, Ok(expected));
        // The case of names does not matter, the last one counts.
        let folded = type_meta(br#"{"Kind":"Secret","kind":"Pod","APIVERSION":"v1"}"#);
        assert_eq!(
            folded.map(|said| (said.api_version, said.kind)),
            Ok(("v1".to_owned(), "Pod".to_owned()))
        );
        assert_eq!(type_meta(b"{}"), Ok(TypeMeta::default()));
    }

    #[test]
    fn errors_read_as_upstreams() {
        for (json, message) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            (
                r#"{"kind":1}"#,
                "json: cannot unmarshal number into Go struct field .kind of type string",
            ),
            (
                "[]",
                r#"json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#,
            ),
        ] {
            let error = type_meta(json.as_bytes()).map_err(|error| error.to_string());
            let expected = format!("couldn't get version/kind; json parse error: {message}");
            assert_eq!(error, Err(expected));
        }
    }
}
