//! Tables: what `kubectl get` prints is decided by the server.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

/// The descriptions of fields that columns show. They come from outside, and are the same for all servers in a process.
static TEXTS: LazyTexts = LazyTexts::new();

type Texts = HashMap<&'static str, String>;
type Source = fn() -> Texts;

/// Texts that are looked up when a table is first asked for.
struct LazyTexts {
    source: OnceLock<Source>,
    found: OnceLock<Texts>,
}

impl LazyTexts {
    const fn new() -> Self {
        Self {
            source: OnceLock::new(),
            found: OnceLock::new(),
        }
    }

    fn get(&self) -> Option<&Texts> {
        let source = self.source.get()?;
        Some(self.found.get_or_init(source))
    }
}

/// Says where the descriptions of fields come from: by [`Column::field`]. Only the first call counts.
pub fn describe_fields(source: fn() -> HashMap<&'static str, String>) {
    // Whoever comes later has the same to say.
    let _ = TEXTS.source.set(source);
}

/// The field that says what an object is called.
pub const OBJECT_NAME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name";
/// The field that says when it was made.
pub const OBJECT_CREATED: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp";

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub kind: Cow<'static, str>,
    /// `name` for the name column, else mostly empty.
    pub format: Cow<'static, str>,
    /// What it shows, in our words or those of who defined the kind.
    pub description: Cow<'static, str>,
    /// The field whose description says what it shows; empty if none does: `io.k8s.api.core.v1.ConfigMap.data`, of which
    /// `io.k8s.api.` is left out.
    pub field: &'static str,
    /// 0 is always shown, more only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A text column that is always shown.
    pub const fn string(name: &'static str, description: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind: Cow::Borrowed("string"),
            format: Cow::Borrowed(""),
            description: Cow::Borrowed(description),
            field: "",
            priority: 0,
        }
    }

    /// The same, described as that field is: `core.v1.ConfigMap.data`.
    #[must_use]
    pub const fn shows(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }

    /// What it shows, in the words of the field if they are known.
    pub fn text(&self) -> &str {
        let known = TEXTS.get().and_then(|texts| texts.get(self.field));
        known.map_or(&self.description, String::as_str)
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

/// What an object is called: the first column of most tables.
pub fn name_column() -> Column {
    Column {
        format: Cow::Borrowed("name"),
        ..Column::string("Name", "Name of the object.").shows(OBJECT_NAME)
    }
}

/// When it was made.
pub fn creation_column() -> Column {
    Column {
        kind: Cow::Borrowed("date"),
        ..Column::string("Created At", "When it was created.").shows(OBJECT_CREATED)
    }
}

/// Name and creation time, for kinds without columns of their own.
pub fn default_columns() -> Vec<Column> {
    vec![name_column(), creation_column()]
}

/// Cells for [`default_columns`].
pub fn default_row(object: &Value, _now: i64) -> Row {
    let created = meta::object::metadata_str(object, "creationTimestamp");
    Row {
        cells: vec![meta::object::name(object).into(), created.into()],
        conditions: Vec::new(),
    }
}
