//! Config maps.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::{Map, Value};

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name};
use crate::toolkit::{Field, Report, same_field};

room! {
    /// Configuration for programs.
    ConfigMap
}

/// The most that values may take together.
pub const MAX_BYTES: usize = 1 << 20;
/// What upstream says of a change to what was declared final.
pub const FINAL: &str = "field is immutable when `immutable` is set";

impl Strategy for ConfigMap {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |map| {
            unchanged_if_final(map, old, &["data", "binaryData"]);
            rules(map);
        })
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Data", "How many entries there are.").shows("core.v1.ConfigMap.data"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let entries =
            ["data", "binaryData"].map(|field| object[field].as_object().map_or(0, |map| map.len()));
        Row {
            cells: vec![
                name(object),
                entries.iter().sum::<usize>().into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(map: &Field) {
    let (texts, binaries) = (map.child("data"), map.child("binaryData"));
    let mut size = 0;
    for (key, entry) in texts.entries() {
        self::key(&entry, key);
        if binaries.key(key).is_set() {
            entry.invalid_as(key, "duplicate of key present in binaryData");
        }
        size += entry.text().len();
    }
    for (key, entry) in binaries.entries() {
        self::key(&entry, key);
        size += decoded_len(entry.text());
    }
    if size > MAX_BYTES {
        map.child("").too_long(MAX_BYTES);
    }
}

/// The rules for an entry's key, at the entry's place.
pub fn key(entry: &Field, key: &str) {
    for complaint in meta::name::config_key(key) {
        entry.invalid_as(key, &complaint);
    }
}

/// How many bytes a base64 text stands for.
pub fn decoded_len(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

/// Once an object is declared final, neither that nor these fields change.
pub fn unchanged_if_final(object: &Field, old: &Value, fields: &[&'static str]) {
    if old["immutable"] != Value::Bool(true) {
        return;
    }
    let declaration = object.child("immutable");
    if !declaration.is_true() {
        declaration.forbidden(FINAL);
    }
    // Nothing in a map is as good as no map.
    let is_empty = |object: &Value, field: &str| object[field].as_object().is_none_or(Map::is_empty);
    for field in fields {
        let is_same =
            |new: &Value| same_field(new, old, field) || (is_empty(new, field) && is_empty(old, field));
        if object.value().is_some_and(|new| !is_same(new)) {
            object.child(field).forbidden(FINAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, update_errors};
    use serde_json::json;

    #[test]
    fn keys_are_file_names() {
        assert!(create_errors("", "configmaps", json!({"data": {"a.b_c-d": "x"}})).is_empty());
        let errors = create_errors(
            "",
            "configmaps",
            json!({"data": {"a/b": "x"}, "binaryData": {"..": "AA=="}}),
        );
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(
            errors[0].starts_with(r#"data[a/b]: Invalid value: "a/b": a valid config key must consist of"#)
        );
        assert_eq!(
            create_errors(
                "",
                "configmaps",
                json!({"data": {"a": "x"}, "binaryData": {"a": "AA=="}})
            ),
            [r#"data[a]: Invalid value: "a": duplicate of key present in binaryData"#]
        );
    }

    #[test]
    fn final_maps_do_not_change() {
        let (none, empty) = (json!({"immutable": true}), json!({"immutable": true, "data": {}}));
        assert!(update_errors("", "configmaps", &empty, &none).is_empty());
        let old = json!({"immutable": true, "data": {"a": "b"}});
        assert_eq!(
            update_errors("", "configmaps", &json!({"data": {"a": "c"}}), &old),
            [
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
            ]
        );
    }

    #[test]
    fn entries_are_counted() {
        let map = json!({"metadata": {"name": "m"}, "data": {"a": "b"}, "binaryData": {"c": "AA=="}});
        assert_eq!(cells("", "configmaps", &map)[1], 2);
    }
}
