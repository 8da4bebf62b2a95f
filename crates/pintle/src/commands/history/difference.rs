//! How two objects differ, field by field, for people.

use std::fmt;

use serde_json::{Map, Value};

/// One field that differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    path: String,
    /// The names on the way, up to the first list.
    fields: Vec<String>,
    before: Option<String>,
    after: Option<String>,
}

/// Longer values are cut short.
const MAX_VALUE: usize = 120;

/// Whatever is changed, these change too, or tell of who changed it.
const UNTOLD: [&str; 2] = ["metadata.managedFields", "metadata.resourceVersion"];

/// Items of lists are told apart by the first of these fields that all of them have.
const KEYS: [&str; 5] = ["name", "type", "uid", "containerPort", "ip"];

impl Line {
    /// The names on the way to the field, up to the first list.
    pub(super) fn fields(&self) -> &[String] {
        &self.fields
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} -> {after}", self.path),
            (None, Some(after)) => write!(f, "+ {}: {after}", self.path),
            (Some(before), None) => write!(f, "- {}: {before}", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

/// Where two objects differ.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    compare(&Place::default(), Some(before), Some(after), &mut lines);
    lines
}

/// Where in an object a value stands.
#[derive(Clone, Default)]
struct Place {
    path: String,
    fields: Vec<String>,
    in_list: bool,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let mut below = self.clone();
        below.path = join(&self.path, name);
        if !self.in_list {
            below.fields.push(name.to_owned());
        }
        below
    }

    fn item(&self, which: &str) -> Self {
        Self {
            path: format!("{}[{which}]", self.path),
            fields: self.fields.clone(),
            in_list: true,
        }
    }
}

fn compare(place: &Place, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<Line>) {
    if before == after || UNTOLD.contains(&place.path.as_str()) {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            compare_maps(place, before, after, lines)
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => compare_lists(place, before, after, lines),
        _ => lines.push(Line {
            path: place.path.clone(),
            fields: place.fields.clone(),
            before: before.map(short),
            after: after.map(short),
        }),
    }
}

fn compare_maps(
    place: &Place,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    lines: &mut Vec<Line>,
) {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let mut names: Vec<&String> = before.keys().chain(added).collect();
    names.sort();
    for name in names {
        compare(&place.field(name), before.get(name), after.get(name), lines);
    }
}

fn compare_lists(place: &Place, before: &[Value], after: &[Value], lines: &mut Vec<Line>) {
    if let Some(key) = KEYS
        .into_iter()
        .find(|key| has_key(before, key) && has_key(after, key))
    {
        let find = |list: &'_ [Value], wanted: &Value| list.iter().position(|item| item[key] == *wanted);
        let at = |item: &Value| place.item(&format!("{key}={}", plain(&item[key])));
        for item in before {
            let other = find(after, &item[key]).map(|place| &after[place]);
            compare(&at(item), Some(item), other, lines);
        }
        for item in after.iter().filter(|item| find(before, &item[key]).is_none()) {
            compare(&at(item), None, Some(item), lines);
        }
        return;
    }
    for number in 0..before.len().max(after.len()) {
        compare(
            &place.item(&number.to_string()),
            before.get(number),
            after.get(number),
            lines,
        );
    }
}

/// Whether each item has the field, each with another value.
fn has_key(list: &[Value], key: &str) -> bool {
    let values: Vec<&Value> = list.iter().filter_map(|item| item.get(key)).collect();
    let differ = values
        .iter()
        .enumerate()
        .all(|(place, value)| !values[..place].contains(value));
    values.len() == list.len() && differ
}

fn join(path: &str, name: &str) -> String {
    // Names with dots, as those of labels, would be taken for a path.
    let name = if name.contains('.') {
        format!("[{name}]")
    } else {
        name.to_owned()
    };
    match (path, name.starts_with('[')) {
        ("", _) => name,
        (path, true) => format!("{path}{name}"),
        (path, false) => format!("{path}.{name}"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value, wanted: &[&str]) {
        let found: Vec<_> = differences(&before, &after).iter().map(Line::to_string).collect();
        assert_eq!(found, wanted, "{before} {after}");
    }

    #[test]
    fn fields_are_told_by_their_paths() {
        check(json!({"a": 1}), json!({"a": 1}), &[]);
        check(
            json!({"spec": {"replicas": 1}}),
            json!({"spec": {"replicas": 3}}),
            &["spec.replicas: 1 -> 3"],
        );
        check(
            json!({"metadata": {"labels": {"a.b/c": "x"}}}),
            json!({"metadata": {"labels": {"d": "y"}}}),
            &["- metadata.labels[a.b/c]: \"x\"", "+ metadata.labels.d: \"y\""],
        );
        check(
            json!({"metadata": {"resourceVersion": "1", "managedFields": []}}),
            json!({"metadata": {"resourceVersion": "2", "managedFields": [{}]}}),
            &[],
        );
        check(json!({"a": {}}), json!({"a": []}), &["a: {} -> []"]);
    }

    #[test]
    fn items_with_names_are_told_by_them() {
        let item = |name: &str, image: &str| json!({"name": name, "image": image});
        check(
            json!({"c": [item("a", "1"), item("b", "1")]}),
            json!({"c": [item("b", "2"), item("n", "1")]}),
            &[
                r#"- c[name=a]: {"image":"1","name":"a"}"#,
                r#"c[name=b].image: "1" -> "2""#,
                r#"+ c[name=n]: {"image":"1","name":"n"}"#,
            ],
        );
        check(
            json!({"args": ["a", "b"]}),
            json!({"args": ["a"]}),
            &[r#"- args[1]: "b""#],
        );
    }

    #[test]
    fn long_values_are_cut_short() {
        let [line] = &differences(&json!({"a": ""}), &json!({"a": "ü".repeat(500)}))[..] else {
            panic!("one difference")
        };
        assert!(line.to_string().chars().count() < 150, "{line}");
    }
}
