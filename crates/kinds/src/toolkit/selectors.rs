//! Rules for labels and label selectors.

use meta::LabelSelector;
use meta::name as names;
use serde_json::Value;

use super::defaults::Object;
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

    /// A map of annotations. Upstream names the map, not the entry.
    pub fn annotations(&self) {
        const MAX_BYTES: usize = 256 * 1024;
        let mut bytes = 0;
        for (key, value) in self.entries() {
            for complaint in names::qualified_name(&key.to_lowercase()) {
                self.invalid_as(key, &complaint);
            }
            bytes += key.len() + value.text().len();
        }
        if bytes > MAX_BYTES {
            self.too_long(MAX_BYTES);
        }
    }

    /// A label selector, if there is one.
    pub fn label_selector(&self) {
        self.selector(true);
    }

    /// The same where the values in its expressions may be anything, as in objects from before those were looked at.
    pub fn loose_label_selector(&self) {
        self.selector(false);
    }

    fn selector(&self, values: bool) {
        self.child("matchLabels").labels();
        for requirement in self.child("matchExpressions").items() {
            label_requirement(&requirement);
            if values {
                let values = requirement.child("values");
                values.items().for_each(|value| value.label_value());
            }
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
}

/// A label selector as text, as tables and scales show it; empty if it selects everything or is missing.
pub fn label_selector_text(selector: &Value) -> String {
    LabelSelector::from_object(selector).map_or_else(|_| String::new(), |selector| selector.to_string())
}

/// A map of labels as text; empty if there are none.
pub fn map_text(labels: &Value) -> String {
    let entries = labels.as_object().into_iter().flatten();
    let texts: Vec<String> = entries
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    texts.join(",")
}

/// Whether a label selector selects an object with these labels. One that is missing selects nothing; one that is wrong,
/// which is an error of its own, everything.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let nothing = Object::new();
    let labels = labels.as_object().unwrap_or(&nothing);
    LabelSelector::from_object(selector).map_or(true, |selector| selector.matches(labels))
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
