//! Tables of custom resources: the name, and the columns of the definition, or the age if it has none.

use meta::age::human_duration;
use meta::time::Time;
use resource::table::name_column;
use resource::{Column, Row};
use serde_json::{Value, json};

use crate::definition::PrinterColumn;
use crate::json_path::JsonPath;

/// The columns of one version's tables.
#[derive(Clone, Debug)]
pub(crate) struct Columns(Vec<(PrinterColumn, Option<JsonPath>)>);

/// What upstream says of a column whose author says nothing.
fn description(column: &PrinterColumn) -> String {
    if column.description.is_empty() {
        format!(
            "Custom resource definition column (in JSONPath format): {}",
            column.json_path
        )
    } else {
        column.description.clone()
    }
}

impl Columns {
    pub(crate) fn new(columns: &[PrinterColumn]) -> Self {
        let age = PrinterColumn {
            name: String::from("Age"),
            kind: String::from("date"),
            json_path: String::from(".metadata.creationTimestamp"),
            description: resource::table::creation_column().text().to_owned(),
            ..PrinterColumn::default()
        };
        let shown = if columns.is_empty() {
            vec![age]
        } else {
            columns.to_vec()
        };
        let paths = shown.into_iter().map(|column| {
            let path = JsonPath::parse(&column.json_path);
            (column, path)
        });
        Self(paths.collect())
    }

    pub(crate) fn heads(&self) -> Vec<Column> {
        let own = self.0.iter().map(|(column, _)| Column {
            name: column.name.clone().into(),
            kind: column.kind.clone().into(),
            format: column.format.clone().into(),
            description: description(column).into(),
            field: "",
            priority: column.priority,
        });
        std::iter::once(name_column()).chain(own).collect()
    }

    pub(crate) fn row(&self, object: &Value, now: i64) -> Row {
        let own = self.0.iter().map(|(column, path)| {
            let found = path.as_ref().map(|path| path.find(object)).unwrap_or_default();
            found
                .first()
                .map_or(Value::Null, |value| cell(&column.kind, value, now))
        });
        let name = Value::from(meta::object::name(object));
        Row {
            cells: std::iter::once(name).chain(own).collect(),
            conditions: Vec::new(),
        }
    }
}

/// A value as a column of that type shows it; null if it does not fit.
fn cell(kind: &str, value: &Value, now: i64) -> Value {
    match (kind, value) {
        ("string", Value::String(_)) => value.clone(),
        ("string", Value::Null) => Value::from("<nil>"),
        ("string", other) => Value::from(other.to_string()),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(_) => value.clone(),
            // As Go cuts what is behind the point.
            #[allow(clippy::cast_possible_truncation)]
            None => json!(number.as_f64().map(|float| float as i64)),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => Value::from(match Time::parse(text) {
            Ok(since) => human_duration(now.saturating_sub(since.seconds())),
            Err(_) => String::from("<invalid>"),
        }),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_fit_their_columns() {
        for (kind, value, expected) in [
            ("string", json!("a"), json!("a")),
            ("string", json!(5), json!("5")),
            ("string", json!(["a"]), json!("[\"a\"]")),
            ("integer", json!(5), json!(5)),
            ("integer", json!(5.7), json!(5)),
            ("integer", json!("5"), json!(null)),
            ("number", json!(1.5), json!(1.5)),
            ("boolean", json!(true), json!(true)),
            ("boolean", json!("true"), json!(null)),
            ("date", json!("1970-01-01T00:00:00Z"), json!("100s")),
            ("date", json!("yesterday"), json!("<invalid>")),
        ] {
            assert_eq!(cell(kind, &value, 100), expected, "{kind} {value}");
        }
    }

    #[test]
    fn without_columns_the_age_is_shown() {
        let columns = Columns::new(&[]);
        let heads: Vec<_> = columns.heads().into_iter().map(|column| column.name).collect();
        assert_eq!(heads, ["Name", "Age"]);
        let object = json!({"metadata": {"name": "a", "creationTimestamp": "1970-01-01T00:00:00Z"}});
        assert_eq!(columns.row(&object, 60).cells, [json!("a"), json!("60s")]);
    }
}
