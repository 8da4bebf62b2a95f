//! Tables: what `kubectl get` prints is decided by the server.

use serde_json::Value;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub kind: &'static str,
    /// `name` for the name column, else mostly empty.
    pub format: &'static str,
    /// What it shows, in our words.
    pub description: &'static str,
    /// 0 is always shown, more only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A text column that is always shown.
    pub const fn string(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            kind: "string",
            format: "",
            description,
            priority: 0,
        }
    }

    /// The same, shown only with `-o wide`.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }
}

/// One object's cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// As many as there are columns.
    pub cells: Vec<Value>,
    /// Conditions of the row, such as `Completed` for a finished pod: `(type, status, reason, message)`.
    pub conditions: Vec<(&'static str, &'static str, String, String)>,
}

/// Name and creation time, for kinds without columns of their own.
pub fn default_columns() -> Vec<Column> {
    vec![
        Column {
            name: "Name",
            kind: "string",
            format: "name",
            description: "Name of the object.",
            priority: 0,
        },
        Column {
            name: "Created At",
            kind: "date",
            format: "",
            description: "When it was created.",
            priority: 0,
        },
    ]
}

/// Cells for [`default_columns`].
pub fn default_row(object: &Value, _now: i64) -> Row {
    let created = meta::object::metadata_str(object, "creationTimestamp");
    Row {
        cells: vec![meta::object::name(object).into(), created.into()],
        conditions: Vec::new(),
    }
}
