//! Fields that selectors may name.

use serde_json::Value;

use crate::definition::SelectableField;
use crate::interned;
use crate::json_path::JsonPath;

/// The selectable fields of a version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectable {
    names: &'static [&'static str],
    paths: Vec<JsonPath>,
}

impl Selectable {
    /// None if there are more names than this process keeps.
    pub(crate) fn new(fields: &[SelectableField]) -> Option<Self> {
        let plain = fields.iter().filter_map(|field| {
            let path = JsonPath::parse(&field.json_path)?;
            let name = field.json_path.strip_prefix('.').unwrap_or(&field.json_path);
            Some((name.to_owned(), path))
        });
        let (names, paths): (Vec<String>, Vec<JsonPath>) = plain.unzip();
        Some(Self {
            names: interned::names(&names)?,
            paths,
        })
    }

    pub(crate) fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// What is there, as text; what is not there is empty.
    pub(crate) fn values(&self, object: &Value) -> Vec<(&'static str, String)> {
        let pairs = self.names.iter().zip(&self.paths);
        pairs
            .map(|(name, path)| {
                (
                    *name,
                    path.find(object)
                        .first()
                        .map_or_else(String::new, |value| text(value)),
                )
            })
            .collect()
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_selected_as_text() {
        let field = |path: &str| SelectableField {
            json_path: path.to_owned(),
        };
        let fields = [".spec.color", ".spec.size", ".spec.live", ".spec.none"].map(field);
        let selectable = Selectable::new(&fields).unwrap_or_default();
        let values = selectable.values(&json!({"spec": {"color": "red", "size": 9, "live": true}}));
        let expected = [
            ("spec.color", "red"),
            ("spec.size", "9"),
            ("spec.live", "true"),
            ("spec.none", ""),
        ];
        assert_eq!(values, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
