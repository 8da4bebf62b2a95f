//! Selector objects in a spec.

use serde_json::Value;

use super::{invalid, labels, list, map, text};
use crate::field::{ErrorList, FieldError, Path};
use crate::name;

/// What a kind lets pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct LabelSelectorRules {
    /// Values in expressions that no label can have: kinds that were once lenient stay so for old objects.
    pub allow_invalid_values: bool,
}

/// A `LabelSelector`; null is valid.
pub fn label_selector(path: &Path, selector: &Value, rules: LabelSelectorRules) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(selector) = selector.as_object() else {
        return errors;
    };
    if let Some(match_labels) = map(selector, "matchLabels") {
        errors.extend(labels(&path.child("matchLabels"), match_labels));
    }
    let path = path.child("matchExpressions");
    for (i, expression) in list(selector, "matchExpressions").iter().enumerate() {
        errors.extend(requirement(&path.index(i), expression, rules));
    }
    errors
}

fn requirement(path: &Path, expression: &Value, rules: LabelSelectorRules) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(expression) = expression.as_object() else {
        return errors;
    };
    let (operator, values) = (text(expression, "operator"), list(expression, "values"));
    match operator {
        "In" | "NotIn" if values.is_empty() => errors.push(FieldError::required(
            &path.child("values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.push(FieldError::forbidden(
            &path.child("values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(FieldError::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    let key = text(expression, "key");
    errors.extend(invalid(&path.child("key"), key, name::label_key(key)));
    if !rules.allow_invalid_values {
        for (i, value) in values.iter().filter_map(Value::as_str).enumerate() {
            errors.extend(invalid(
                &path.child("values").index(i),
                value,
                name::label_value(value),
            ));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_can_be_met() {
        let check = |selector: Value, expected: &[&str]| {
            let errors = label_selector(
                &Path::new("spec.selector"),
                &selector,
                LabelSelectorRules::default(),
            );
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(errors, expected);
        };
        check(json!(null), &[]);
        check(
            json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}),
            &[],
        );
        check(
            json!({"matchExpressions": [
                {"key": "a", "operator": "In"},
                {"key": "a", "operator": "Exists", "values": ["x"]},
                {"key": "a", "operator": "Is"},
            ]}),
            &[
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                "spec.selector.matchExpressions[2].operator: Invalid value: \"Is\": not a valid selector operator",
            ],
        );
    }
}
