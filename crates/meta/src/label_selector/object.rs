//! The object form of a label selector: `matchLabels` and `matchExpressions`.

use serde_json::Value;

use super::LabelSelector;
use super::requirement::{Operator, Requirement, RequirementError};
use crate::quote::quote;

/// Why an object is no label selector, in upstream's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorObjectError {
    /// No such operator.
    #[error("{} is not a valid label selector operator", quote(.0))]
    Operator(String),
    /// A key or value is not valid.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
}

pub(super) fn from_object(object: &Value) -> Result<LabelSelector, SelectorObjectError> {
    let Some(object) = object.as_object() else {
        return Ok(LabelSelector::nothing());
    };
    let labels = object.get("matchLabels").and_then(Value::as_object);
    let expressions = object.get("matchExpressions").and_then(Value::as_array);
    let mut requirements = Vec::new();
    for (key, value) in labels.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().to_owned();
        requirements.push(Requirement::new(key, Operator::Equals, [value].into())?);
    }
    for expression in expressions.into_iter().flatten() {
        requirements.push(requirement(expression)?);
    }
    Ok(requirements.into_iter().collect())
}

fn requirement(expression: &Value) -> Result<Requirement, SelectorObjectError> {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let operator = match text("operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(SelectorObjectError::Operator(other.to_owned())),
    };
    let values = expression.get("values").and_then(Value::as_array);
    let values = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned);
    Ok(Requirement::new(text("key"), operator, values.collect())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_read() {
        for (object, written) in [
            (json!({}), ""),
            (json!({"matchLabels": {"b": "c", "a": ""}}), "a=,b=c"),
            (
                json!({"matchLabels": {"z": "1"}, "matchExpressions": [
                    {"key": "y", "operator": "In", "values": ["q", "p"]},
                    {"key": "x", "operator": "DoesNotExist"},
                ]}),
                "!x,y in (p,q),z=1",
            ),
        ] {
            let selector = from_object(&object).unwrap();
            assert_eq!(selector.to_string(), written);
            assert_eq!(selector.is_everything(), written.is_empty());
        }
        assert!(from_object(&Value::Null).unwrap().is_nothing());
    }

    #[test]
    fn objects_that_select_nothing_sensible_are_errors() {
        for (expression, message) in [
            (
                json!({"key": "a", "operator": "Gt"}),
                "\"Gt\" is not a valid label selector operator",
            ),
            (
                json!({"key": "a", "operator": "In"}),
                "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
            ),
        ] {
            let object = json!({"matchExpressions": [expression]});
            assert_eq!(from_object(&object).unwrap_err().to_string(), message);
        }
    }
}
