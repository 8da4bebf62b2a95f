//! Objects as rows of a table.

use bytes::Bytes;
use meta::field::Path;
use meta::{FieldError, Status};
use registry::Object;
use resource::{Column, Kind, Projection, Row};
use serde_json::{Value, json};

use crate::call::Call;
use crate::negotiate::ViewVersion;
use crate::respond::metadata::partial;

/// What a row carries of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// The `includeObject` parameter.
    pub fn of(call: &Call) -> Result<Self, Status> {
        Self::named(call.query.first("includeObject").unwrap_or_default())
    }

    fn named(name: &str) -> Result<Self, Status> {
        match name {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => {
                let why = "must be 'Metadata', 'Object', 'None', or empty";
                let error = FieldError::invalid(&Path::new("includeObject"), other, why);
                let message = format!("Unable to convert to Table as requested: {error}");
                Err(Status::bad_request(message))
            }
        }
    }
}

/// What is shown.
#[derive(Clone, Copy)]
pub enum Shown<'a> {
    /// Objects of a kind.
    Kind(&'a dyn Kind),
    /// An object as another kind.
    Projection(&'a dyn Projection),
}

impl Shown<'_> {
    /// An annotation that is not among the metadata.
    pub fn hidden_annotation(self) -> Option<&'static str> {
        match self {
            Self::Kind(kind) => kind.annotation_of_a_field(),
            Self::Projection(_) => None,
        }
    }

    fn columns(self) -> Vec<Column> {
        match self {
            Self::Kind(kind) => kind.columns(),
            Self::Projection(projection) => projection.columns(),
        }
    }

    fn row(self, object: &Value, now: i64) -> Row {
        match self {
            Self::Kind(kind) => kind.row(object, now),
            Self::Projection(projection) => projection.row(object, now),
        }
    }
}

/// Makes rows.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// What the objects are.
    pub shown: Shown<'a>,
    /// What rows carry.
    pub include: IncludeObject,
    /// The version of the table.
    pub version: ViewVersion,
    /// The time ages are counted to, in seconds since the epoch.
    pub now: i64,
}

impl Rows<'_> {
    /// The row of an object, in JSON.
    pub fn row(&self, object: &Object) -> Vec<u8> {
        let Row { cells, conditions } = self.shown.row(&object.tree(), self.now);
        let conditions: Vec<Value> = conditions
            .into_iter()
            .map(|(kind, status, reason, message)| {
                let mut condition = json!({ "type": kind, "status": status });
                if let Some(members) = condition.as_object_mut() {
                    let texts = [("reason", reason), ("message", message)];
                    members.extend(
                        texts
                            .into_iter()
                            .filter(|(_, t)| !t.is_empty())
                            .map(|(n, t)| (n.into(), t.into())),
                    );
                }
                condition
            })
            .collect();
        let mut row = br#"{"cells":"#.to_vec();
        append(&mut row, &Value::Array(cells));
        if !conditions.is_empty() {
            row.extend_from_slice(br#","conditions":"#);
            append(&mut row, &Value::Array(conditions));
        }
        row.extend_from_slice(br#","object":"#);
        row.extend_from_slice(&self.included(object));
        row.push(b'}');
        row
    }

    fn included(&self, object: &Object) -> Bytes {
        match self.include {
            IncludeObject::None => Bytes::from_static(b"null"),
            IncludeObject::Metadata => partial(self.shown.hidden_annotation(), object, self.version),
            IncludeObject::Object => object.json().clone(),
        }
    }

    /// Everything of a table that stands before its rows: `{...,"rows":[`. Without columns they are null, as in all but the
    /// first event of a watch.
    pub fn head(&self, metadata: &Value, with_columns: bool) -> Vec<u8> {
        let columns = if with_columns {
            Value::Array(self.shown.columns().iter().map(column).collect())
        } else {
            Value::Null
        };
        let mut head = br#"{"kind":"Table","apiVersion":""#.to_vec();
        head.extend_from_slice(self.version.api_version().as_bytes());
        head.extend_from_slice(br#"","metadata":"#);
        append(&mut head, metadata);
        head.extend_from_slice(br#","columnDefinitions":"#);
        append(&mut head, &columns);
        head.extend_from_slice(br#","rows":["#);
        head
    }

    /// A table of one object.
    pub fn single(&self, object: &Object, with_columns: bool) -> Vec<u8> {
        let version = object
            .resource_version()
            .map(|v| v.to_string())
            .unwrap_or_default();
        let metadata = if version.is_empty() {
            json!({})
        } else {
            json!({ "resourceVersion": version })
        };
        let mut table = self.head(&metadata, with_columns);
        table.extend_from_slice(&self.row(object));
        table.extend_from_slice(b"]}");
        table
    }
}

fn column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": column.text(),
        "priority": column.priority,
    })
}

fn append(json: &mut Vec<u8>, value: &Value) {
    // Writing a tree of JSON into memory cannot fail.
    let _ = serde_json::to_writer(json, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rows_carry_is_named() {
        for (name, expected) in [
            ("", IncludeObject::Metadata),
            ("Metadata", IncludeObject::Metadata),
            ("None", IncludeObject::None),
            ("Object", IncludeObject::Object),
        ] {
            assert_eq!(IncludeObject::named(name), Ok(expected), "{name}");
        }
        let status = IncludeObject::named("all").expect_err("a refusal");
        let message = "Unable to convert to Table as requested: includeObject: Invalid value: \"all\": must be 'Metadata', 'Object', \
                       'None', or empty";
        assert_eq!((status.code, status.message.as_str()), (400, message));
    }
}
