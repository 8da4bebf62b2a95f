//! Rules for labels and label selectors.

use meta::name as names;
use serde_json::Value;

use super::field::Field;

impl Field<'_, '_> {
    /// A map of labels. Upstream names the map, not the entry.
    pub fn labels(&self) {
        for (key, value) in self.entries() {
            for complaint in names::qualified_name(key) {
                self.invalid_as(key, &complaint);
            }
            for complaint in names::label_value(value.text()) {
                self.invalid_as(value.text(), &complaint);
            }
        }
    }

    /// A label selector, if there is one.
    pub fn label_selector(&self) {
        self.child("matchLabels").labels();
        for requirement in self.child("matchExpressions").items() {
            label_requirement(&requirement);
        }
    }
}

fn label_requirement(requirement: &Field) {
    let (operator, values) = (requirement.child("operator"), requirement.child("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            values.required("must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => operator.invalid_as(other, "not a valid selector operator"),
    }
    let key = requirement.child("key");
    key.complain(names::qualified_name(key.text()));
    for value in values.items() {
        value.label_value();
    }
}

/// A label selector as text, as tables and scales show it; empty if it selects everything or is missing.
pub fn label_selector_text(selector: &Value) -> String {
    let mut parts: Vec<(&str, String)> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push((key, format!("{key}={}", value.as_str().unwrap_or(""))));
    }
    for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = requirement["key"].as_str().unwrap_or("");
        let values = || {
            let mut values: Vec<&str> = requirement["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            values.sort_unstable();
            values.join(",")
        };
        let text = match requirement["operator"].as_str().unwrap_or("") {
            "In" => format!("{key} in ({})", values()),
            "NotIn" => format!("{key} notin ({})", values()),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        parts.push((key, text));
    }
    parts.sort_by_key(|(key, _)| *key);
    let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    texts.join(",")
}

/// A map of labels as text; empty if there are none.
pub fn map_text(labels: &Value) -> String {
    let entries = labels.as_object().into_iter().flatten();
    let texts: Vec<String> = entries
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    texts.join(",")
}

/// Whether a label selector selects an object with these labels. One that is missing selects nothing.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let matches_labels = || {
        let wanted = selector["matchLabels"].as_object().into_iter().flatten();
        wanted
            .into_iter()
            .all(|(key, value)| label(key) == value.as_str())
    };
    let matches_expressions = || {
        let mut requirements = selector["matchExpressions"].as_array().into_iter().flatten();
        requirements.all(|requirement| {
            let found = requirement["key"].as_str().and_then(label);
            let listed = || {
                let mut values = requirement["values"].as_array().into_iter().flatten();
                values.any(|value| value.as_str() == found)
            };
            match requirement["operator"].as_str().unwrap_or("") {
                "In" => found.is_some() && listed(),
                "NotIn" => found.is_none() || !listed(),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
    };
    selector.is_object() && matches_labels() && matches_expressions()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_read_as_tables_show_them() {
        for (selector, expected) in [
            (json!(null), ""),
            (json!({"matchLabels": {"a": "b"}}), "a=b"),
            (
                json!({"matchLabels": {"x": "y"}, "matchExpressions": [
                    {"key": "c", "operator": "In", "values": ["e", "d"]},
                    {"key": "z", "operator": "DoesNotExist"},
                    {"key": "b", "operator": "Exists"},
                ]}),
                "b,c in (d,e),x=y,!z",
            ),
        ] {
            assert_eq!(label_selector_text(&selector), expected);
        }
    }

    #[test]
    fn selectors_select() {
        let labels = json!({"a": "b", "c": "d"});
        for (selector, expected) in [
            (json!(null), false),
            (json!({}), true),
            (json!({"matchLabels": {"a": "b"}}), true),
            (json!({"matchLabels": {"a": "x"}}), false),
            (
                json!({"matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["d"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["d"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "z", "operator": "DoesNotExist"}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "z", "operator": "Exists"}]}),
                false,
            ),
        ] {
            assert_eq!(selects(&selector, &labels), expected, "{selector}");
        }
    }
}
