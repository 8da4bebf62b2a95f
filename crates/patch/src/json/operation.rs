//! One operation of a JSON patch.

use schema::decode::misfit;
use serde_json::Value;

use crate::document::Document;

/// An operation as it was sent: what it lacks shows when it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Operation {
    /// `add`, `remove`, `replace`, `move`, `copy` or `test`.
    pub op: String,
    /// Where.
    pub path: Option<String>,
    /// From where, for `move` and `copy`.
    pub from: Option<String>,
    /// What, for `add`, `replace` and `test`.
    pub value: Option<Value>,
    /// The same as it was written, where that matters.
    pub written: Option<Document>,
}

impl Operation {
    /// Reads the operations of a patch.
    ///
    /// # Errors
    /// What Go says if the value is no list of such operations.
    pub fn read_all(patch: Value) -> Result<Vec<Self>, String> {
        match patch {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => items.into_iter().map(Self::read).collect(),
            other => Err(misfit(&other, "value of type []handlers.jsonPatchOp")),
        }
    }

    /// Reads what strict checks have not seen before: only that the patch is a list of objects matters.
    ///
    /// # Errors
    /// What Go says if it is none.
    pub fn read_loosely(patch: Value) -> Result<Vec<Self>, String> {
        let read = |item| match item {
            Value::Null => Ok(Self::default()),
            Value::Object(mut members) => {
                let mut text = |member: &str| match members.remove(member) {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                };
                Ok(Self {
                    op: text("op").unwrap_or_default(),
                    path: text("path"),
                    from: text("from"),
                    value: members.remove("value"),
                    written: None,
                })
            }
            other => Err(misfit(&other, "value of type jsonpatch.Operation")),
        };
        match patch {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => items.into_iter().map(read).collect(),
            other => Err(misfit(&other, "value of type jsonpatch.Patch")),
        }
    }

    /// The same operations, with their values as they were written in the body.
    pub fn with_written(operations: &[Self], body: &[u8]) -> Vec<Self> {
        let mut operations = operations.to_vec();
        let items = Document::written_items(body).unwrap_or_default();
        for (operation, item) in operations.iter_mut().zip(items) {
            let members = item
                .as_written()
                .map(str::as_bytes)
                .and_then(Document::written_members);
            operation.written = members.and_then(|mut members| members.remove("value"));
        }
        operations
    }

    fn read(item: Value) -> Result<Self, String> {
        let mut members = match item {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            other => return Err(misfit(&other, "value of type handlers.jsonPatchOp")),
        };
        let mut text = |member: &str| match members.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(misfit(
                &other,
                &format!("struct field jsonPatchOp.{member} of type string"),
            )),
        };
        Ok(Self {
            op: text("op")?.unwrap_or_default(),
            path: text("path")?,
            from: text("from")?,
            value: members.remove("value"),
            written: None,
        })
    }

    /// Members that no operation has.
    pub fn unknown_members(item: &Value) -> impl Iterator<Item = &str> {
        let members = item.as_object().into_iter().flat_map(|members| members.keys());
        members
            .map(String::as_str)
            .filter(|member| !["op", "path", "from", "value"].contains(member))
    }
}
