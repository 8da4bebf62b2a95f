//! The body of a patch request.

use std::collections::BTreeSet;
use std::sync::Arc;

use meta::GroupVersionKind;
use meta::field::{FieldError, Path};
use meta::status::{Reason, Status};
use schema::SchemaRef;
use serde_json::{Map, Value};

use crate::document::Document;
use crate::json::{self, JsonPatchError, Operation};
use crate::merge;
use crate::strategic::{self, StrategicError};
use crate::text::{self, Text};

/// The most operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// How a patch works, by its content type. Apply is no patch of a text but of ownership: see [`crate::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`; not for custom resources.
    Strategic,
}

/// A patch that was read.
#[derive(Clone, Debug)]
pub struct Patch {
    changes: Changes,
    strict: Vec<String>,
    /// As it was sent.
    body: Arc<[u8]>,
}

#[derive(Clone, Debug)]
enum Changes {
    Json(Vec<Operation>),
    Merge(Map<String, Value>),
    Strategic(Map<String, Value>),
}

/// Why a patch cannot be read or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is no patch of that type.
    #[error("{0}")]
    Decode(String),
    /// It has too many operations.
    #[error("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}")]
    TooManyOperations(usize),
    /// A JSON patch does not fit the object.
    #[error(transparent)]
    Json(#[from] JsonPatchError),
    /// A strategic merge patch does not fit the object.
    #[error(transparent)]
    Strategic(#[from] StrategicError),
}

impl PatchError {
    /// What the client is answered.
    pub fn to_status(&self) -> Status {
        match self {
            Self::Decode(message) => Status::bad_request(message.clone()),
            Self::TooManyOperations(_) => Status::failure(
                413,
                Reason::REQUEST_ENTITY_TOO_LARGE,
                format!("Request entity is too large: {self}"),
            ),
            Self::Json(_) => unprocessable(),
            Self::Strategic(error) if error.is_unprocessable() => unprocessable(),
            Self::Strategic(error) if error.is_bad_request() => Status::bad_request(error.to_string()),
            Self::Strategic(error) => Status::failure(500, Reason::UNKNOWN, error.to_string()),
        }
    }
}

/// Upstream keeps to itself what is wrong with a patch that does not fit.
fn unprocessable() -> Status {
    Status::failure(
        422,
        Reason::INVALID,
        "the server rejected our request due to an error in our request",
    )
    .with_details(meta::status::Details::default())
}

impl Patch {
    /// Reads a body.
    ///
    /// # Errors
    /// In upstream's words, if it is no patch of that type.
    pub fn parse(patch_type: PatchType, body: &[u8]) -> Result<Self, PatchError> {
        let prefix = match patch_type {
            PatchType::Json | PatchType::Merge => "error decoding patch: ",
            PatchType::Strategic => "",
        };
        let mut patch = Self::read(patch_type, body, prefix)?;
        patch.body = Arc::from(body);
        Ok(patch)
    }

    /// Reads a body whose unknown and duplicate fields do not matter. Of a JSON patch upstream then looks less closely at the
    /// operations before it does them.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_loosely(patch_type: PatchType, body: &[u8]) -> Result<Self, PatchError> {
        if patch_type != PatchType::Json {
            return Self::parse(patch_type, body);
        }
        let text = text::read(body).map_err(PatchError::Decode)?;
        let operations = Operation::read_loosely(text.value).map_err(PatchError::Decode)?;
        let mut patch = Self::operations(operations, Vec::new())?;
        patch.body = Arc::from(body);
        Ok(patch)
    }

    fn read(patch_type: PatchType, body: &[u8], prefix: &str) -> Result<Self, PatchError> {
        let undecodable = |message: String| PatchError::Decode(format!("{prefix}{message}"));
        let Text { value, duplicates } = text::read(body).map_err(undecodable)?;
        match patch_type {
            PatchType::Json => Self::json(value, duplicates),
            PatchType::Merge => match value {
                Value::Object(changes) => Ok(Self::of(Changes::Merge(changes), duplicates)),
                Value::Null => Err(PatchError::Decode(String::from("Invalid JSON Patch"))),
                other => Err(undecodable(not_a_map(&other))),
            },
            PatchType::Strategic => match value {
                Value::Object(changes) => Ok(Self::of(Changes::Strategic(changes), duplicates)),
                Value::Null => Ok(Self::of(Changes::Strategic(Map::new()), Vec::new())),
                other => Err(undecodable(not_a_map(&other))),
            },
        }
    }

    fn of(changes: Changes, duplicates: Vec<String>) -> Self {
        let strict = duplicates
            .iter()
            .map(|path| format!("duplicate field {}", meta::quote(path)));
        Self {
            changes,
            strict: strict.collect(),
            body: Arc::default(),
        }
    }

    fn json(value: Value, duplicates: Vec<String>) -> Result<Self, PatchError> {
        let mut strict = Vec::new();
        for path in &duplicates {
            strict.push(format!("json patch duplicate field {}", meta::quote(path)));
        }
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            for member in Operation::unknown_members(item) {
                let path = meta::quote(&format!("[{i}].{member}"));
                strict.push(format!("json patch unknown field {path}"));
            }
        }
        let operations = Operation::read_all(value)
            .map_err(|message| PatchError::Decode(format!("error decoding patch: {message}")))?;
        Self::operations(operations, strict)
    }

    fn operations(operations: Vec<Operation>, strict: Vec<String>) -> Result<Self, PatchError> {
        if operations.len() > MAX_OPERATIONS {
            return Err(PatchError::TooManyOperations(operations.len()));
        }
        Ok(Self {
            changes: Changes::Json(operations),
            strict,
            body: Arc::default(),
        })
    }

    /// What strict field validation has against the body itself: `duplicate field "data.k"`. It stands before what it has
    /// against the patched object.
    pub fn strict_problems(&self) -> &[String] {
        &self.strict
    }

    /// Whether the outcome is to be decoded as a tree ([`schema::decode_tree`]) rather than as text.
    pub fn is_strategic(&self) -> bool {
        matches!(self.changes, Changes::Strategic(_))
    }

    /// The members of an object that the patch changes or asks about; none if that may be any of them.
    pub fn members(&self) -> Option<BTreeSet<&str>> {
        match &self.changes {
            Changes::Json(operations) => json::members(operations),
            Changes::Merge(changes) => Some(changes.keys().map(String::as_str).collect()),
            // A directive at the top is about all members.
            Changes::Strategic(changes) if changes.keys().any(|key| key.starts_with('$')) => None,
            Changes::Strategic(changes) => Some(changes.keys().map(String::as_str).collect()),
        }
    }

    /// Whether the patch neither changes nor asks about what lies at `below` in a member of the object that it reaches.
    pub fn leaves_alone(&self, member: &str, below: &str) -> bool {
        let has_no_part = |changes: &Map<String, Value>| match changes.get(member) {
            None => true,
            // A directive is about all that is there.
            Some(Value::Object(part)) => {
                !part.contains_key(below) && !part.keys().any(|key| key.starts_with('$'))
            }
            Some(_) => false,
        };
        match &self.changes {
            Changes::Json(operations) => json::leave_alone(operations, member, below),
            Changes::Merge(changes) | Changes::Strategic(changes) => has_no_part(changes),
        }
    }

    /// Applies the patch to an object as its version has it. The outcome is still to be decoded against the schema. The
    /// schema is none for custom resources, which have no strategic merge.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn apply(&self, object: &Value, schema: Option<SchemaRef<'_>>) -> Result<Value, PatchError> {
        self.apply_to(object.clone(), schema)
    }

    /// The same to an object that nobody else needs.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_to(&self, object: Value, schema: Option<SchemaRef<'_>>) -> Result<Value, PatchError> {
        self.patched(object, schema).map(Document::into_value)
    }

    /// The answer if the outcome cannot be decoded: ` "" is invalid: patch: Invalid value: "...": why`.
    pub fn invalid(&self, object: &Value, schema: Option<SchemaRef<'_>>, why: &str) -> Status {
        let shown = match (&self.changes, self.text(object, schema)) {
            (Changes::Strategic(patch), _) => {
                let mut left = patch.clone();
                if let (Some(object), Some(schema)) = (object.as_object(), schema) {
                    strategic::leave(object, &mut left, schema);
                }
                strategic::printed(&Value::Object(left))
            }
            (_, Ok(text)) => text,
            (_, Err(error)) => return error.to_status(),
        };
        let error = FieldError::invalid(&Path::new("patch"), shown, why);
        Status::invalid(&GroupVersionKind::new("", "", ""), "", &[error])
    }

    /// The outcome as upstream would write it: its order of fields, and numbers as they were sent. Strategic merge patches
    /// have no text.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn text(&self, object: &Value, schema: Option<SchemaRef<'_>>) -> Result<String, PatchError> {
        let text = Document::Whole(object.clone()).to_text(schema);
        let mut document =
            Document::written(text.as_bytes()).unwrap_or_else(|| Document::Whole(object.clone()));
        match &self.changes {
            Changes::Json(operations) => {
                json::apply(&mut document, &Operation::with_written(operations, &self.body))?;
            }
            Changes::Merge(_) => {
                let body = std::str::from_utf8(&self.body).unwrap_or("{}");
                merge::apply_written(&mut document, body);
            }
            Changes::Strategic(_) => {}
        }
        Ok(document.to_text(None))
    }

    fn patched(&self, object: Value, schema: Option<SchemaRef<'_>>) -> Result<Document, PatchError> {
        let mut document = Document::Whole(object);
        match &self.changes {
            Changes::Json(operations) => json::apply(&mut document, operations)?,
            Changes::Merge(changes) => merge::apply(&mut document, Value::Object(changes.clone())),
            Changes::Strategic(changes) => {
                if let (Document::Whole(Value::Object(object)), Some(schema)) = (&mut document, schema) {
                    strategic::apply(object, changes.clone(), schema)?;
                }
            }
        }
        Ok(document)
    }
}

fn not_a_map(value: &Value) -> String {
    schema::decode::misfit(value, "value of type map[string]interface {}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config_map() -> Option<SchemaRef<'static>> {
        schema::builtin(&GroupVersionKind::new("", "v1", "ConfigMap"))
    }

    fn check_body(patch_type: PatchType, body: &str, expected: &str) {
        let outcome = Patch::parse(patch_type, body.as_bytes());
        let message = outcome
            .err()
            .map_or(String::new(), |error| error.to_status().message);
        assert_eq!(message, expected, "{body}");
    }

    #[test]
    fn bodies_are_checked() {
        const JSON: PatchType = PatchType::Json;
        const MERGE: PatchType = PatchType::Merge;
        const STRATEGIC: PatchType = PatchType::Strategic;
        for (patch_type, body, expected) in [
            (JSON, "null", ""),
            (JSON, "[]", ""),
            (JSON, "[null]", ""),
            (
                JSON,
                "{}",
                "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
            ),
            (
                JSON,
                "[\"add\"]",
                "error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp",
            ),
            (
                JSON,
                "[{\"op\":1}]",
                "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
            ),
            (JSON, "", "error decoding patch: unexpected end of JSON input"),
            (
                JSON,
                "[] x",
                "error decoding patch: invalid character 'x' after top-level value",
            ),
            (MERGE, "null", "Invalid JSON Patch"),
            (
                MERGE,
                "[1]",
                "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
            (
                MERGE,
                "data: {}",
                "error decoding patch: invalid character 'd' looking for beginning of value",
            ),
            (STRATEGIC, "null", ""),
            (
                STRATEGIC,
                "[]",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
            (STRATEGIC, "{\"spec\"", "unexpected end of JSON input"),
        ] {
            check_body(patch_type, body, expected);
        }
        let operations = vec![json!({"op": "test", "path": "/a"}); MAX_OPERATIONS + 1];
        check_body(
            PatchType::Json,
            &Value::from(operations).to_string(),
            "Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
        );
    }

    #[test]
    fn a_patch_reaches_some_members() {
        for (patch_type, body, expected) in [
            (
                PatchType::Merge,
                r#"{"metadata":{"labels":null},"data":{}}"#,
                Some(vec!["data", "metadata"]),
            ),
            (PatchType::Merge, "{}", Some(vec![])),
            (
                PatchType::Strategic,
                r#"{"spec":{"$patch":"replace"}}"#,
                Some(vec!["spec"]),
            ),
            (PatchType::Strategic, r#"{"$patch":"replace","spec":{}}"#, None),
            (PatchType::Strategic, r#"{"$retainKeys":["spec"]}"#, None),
            (
                PatchType::Json,
                r#"[{"op":"move","from":"/data/a","path":"/metadata/labels/a"},{"op":"remove","path":"/spec"}]"#,
                Some(vec!["data", "metadata", "spec"]),
            ),
            (PatchType::Json, r#"[{"op":"add","path":"","value":{}}]"#, None),
            (
                PatchType::Json,
                r#"[{"op":"add","path":"/a~1b/c","value":{}}]"#,
                None,
            ),
            (PatchType::Json, r#"[{"op":"add","value":{}}]"#, None),
        ] {
            let patch = Patch::parse(patch_type, body.as_bytes()).unwrap();
            let members = patch.members().map(Vec::from_iter);
            assert_eq!(members, expected, "{body}");
        }
    }

    #[test]
    fn what_a_patch_leaves_alone_is_told() {
        for (patch_type, body, expected) in [
            (PatchType::Merge, r#"{"metadata":{"labels":null}}"#, true),
            (PatchType::Merge, r#"{"metadata":{"managedFields":null}}"#, false),
            (PatchType::Merge, r#"{"metadata":null}"#, false),
            (PatchType::Merge, r#"{"data":{"managedFields":"x"}}"#, true),
            (
                PatchType::Strategic,
                r#"{"metadata":{"$patch":"replace"}}"#,
                false,
            ),
            (
                PatchType::Strategic,
                r#"{"metadata":{"labels":{"$patch":"replace"}}}"#,
                true,
            ),
            (
                PatchType::Json,
                r#"[{"op":"add","path":"/metadata/labels/a","value":""}]"#,
                true,
            ),
            (
                PatchType::Json,
                r#"[{"op":"test","path":"/metadata","value":{}}]"#,
                false,
            ),
            (
                PatchType::Json,
                r#"[{"op":"remove","path":"/metadata/managedFields/0"}]"#,
                false,
            ),
            (
                PatchType::Json,
                r#"[{"op":"copy","from":"/metadata/managedFields","path":"/data/a"}]"#,
                false,
            ),
            (PatchType::Json, r#"[{"op":"remove","path":""}]"#, false),
        ] {
            let patch = Patch::parse(patch_type, body.as_bytes()).unwrap();
            assert_eq!(
                patch.leaves_alone("metadata", "managedFields"),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn operations_can_be_read_loosely() {
        for (body, expected) in [
            ("[{\"op\":1,\"path\":{}}]", ""),
            (
                "{}",
                "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
            ),
            (
                "[5]",
                "json: cannot unmarshal number into Go value of type jsonpatch.Operation",
            ),
            ("[", "unexpected end of JSON input"),
        ] {
            let outcome = Patch::parse_loosely(PatchType::Json, body.as_bytes());
            let message = outcome.err().map_or(String::new(), |error| error.to_string());
            assert_eq!(message, expected, "{body}");
        }
    }

    #[test]
    fn the_text_of_an_outcome_is_as_it_was_written() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "name": "a"}});
        for (patch_type, body, expected) in [
            (
                PatchType::Json,
                r#"[{"op":"add","path":"/data","value":{"b": 3e0, "a": 1}},{"op":"move","from":"/metadata","path":"/x"}]"#,
                r#"{"apiVersion":"v1","data":{"b":3e0,"a":1},"kind":"ConfigMap","x":{"name":"a","uid":"u"}}"#,
            ),
            (
                PatchType::Json,
                r#"[{"op":"add","path":"/data","value":{"b":"3","a":"1"}},{"op":"test","path":"/data","value":{"a":"1","b":"3"}},{"op":"move","from":"/data","path":"/x"}]"#,
                r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"u"},"x":{"a":"1","b":"3"}}"#,
            ),
            (
                PatchType::Merge,
                r#"{"data": {"b": [{"z": 1, "y": null, "x": 3e0}], "a": null}}"#,
                r#"{"apiVersion":"v1","data":{"b":[{"x":3e0,"z":1}]},"kind":"ConfigMap","metadata":{"name":"a","uid":"u"}}"#,
            ),
        ] {
            let patch = Patch::parse(patch_type, body.as_bytes()).unwrap();
            assert_eq!(patch.text(&object, config_map()).unwrap(), expected);
        }
    }

    #[test]
    fn bodies_can_be_too_lax_for_the_strict() {
        let problems = |patch_type, body: &str| {
            Patch::parse(patch_type, body.as_bytes())
                .unwrap()
                .strict_problems()
                .to_vec()
        };
        assert_eq!(
            problems(
                PatchType::Json,
                r#"[{"op":"add","op":"replace","path":"/a","comment":1}]"#
            ),
            [
                "json patch duplicate field \"[0].op\"",
                "json patch unknown field \"[0].comment\""
            ]
        );
        assert_eq!(
            problems(PatchType::Merge, r#"{"data":{"k":1,"k":2}}"#),
            ["duplicate field \"data.k\""]
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_shown() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "name": "a"}, "data": {"k": "v"}});
        let check = |patch_type, body: &str, expected: &str| {
            let patch = Patch::parse(patch_type, body.as_bytes()).unwrap();
            let status = patch.invalid(&object, config_map(), "why");
            assert_eq!((status.code, status.message.as_str()), (422, expected));
        };
        check(
            PatchType::Json,
            r#"[{"op":"add","path":"/data/new","value":5}]"#,
            r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"v\",\"new\":5},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}": why"#,
        );
        check(
            PatchType::Strategic,
            r#"{"data":{"k":5}}"#,
            r#" "" is invalid: patch: Invalid value: "map[data:map[k:5]]": why"#,
        );
    }

    #[test]
    fn failures_have_their_codes() {
        let object = json!({"metadata": {"name": "a"}});
        for (patch_type, body, code, message) in [
            (
                PatchType::Json,
                r#"[{"op":"remove","path":"/data"}]"#,
                422,
                "the server rejected our request due to an error in our request",
            ),
            (
                PatchType::Strategic,
                r#"{"metadata":{"$retainKeys":"a"}}"#,
                400,
                "invalid patch format of retainKeys",
            ),
            (
                PatchType::Strategic,
                r#"{"$patch":5}"#,
                500,
                "unknown patch type: %!s(int64=5) in map: map[$patch:5]",
            ),
        ] {
            let patch = Patch::parse(patch_type, body.as_bytes()).unwrap();
            let status = patch.apply(&object, config_map()).unwrap_err().to_status();
            assert_eq!((status.code, status.message.as_str()), (code, message));
        }
    }
}
