//! Label and node selectors, read once and matched often.

use std::collections::BTreeMap;

use client::k8s_openapi::api::core::v1::{Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

pub(crate) type Labels = BTreeMap<String, String>;

/// Labels in whichever form they are held.
pub(crate) trait LabelSet {
    fn value(&self, key: &str) -> Option<&str>;
}

impl LabelSet for Labels {
    fn value(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

impl LabelSet for client::lean::Labels {
    fn value(&self, key: &str) -> Option<&str> {
        self.get(key)
    }
}

/// What labels must be for a selector to match. None matches nothing, an empty one everything.
pub(crate) fn labels_match(selector: Option<&LabelSelector>, labels: &impl LabelSet) -> bool {
    let Some(selector) = selector else { return false };
    let wanted = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    wanted
        .into_iter()
        .all(|(key, value)| labels.value(key) == Some(value.as_str()))
        && expressions
            .into_iter()
            .all(|expression| expression_matches(expression, labels))
}

fn expression_matches(expression: &LabelSelectorRequirement, labels: &impl LabelSet) -> bool {
    operator_matches(
        &expression.operator,
        expression.values.as_deref().unwrap_or_default(),
        labels.value(&expression.key),
    )
}

fn operator_matches(operator: &str, values: &[String], value: Option<&str>) -> bool {
    let listed = || value.is_some_and(|value| values.iter().any(|v| v == value));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let compare =
        |holds: fn(i64, i64) -> bool| match (number(value), number(values.first().map(String::as_str))) {
            (Some(value), Some(limit)) => holds(value, limit),
            _ => false,
        };
    match operator {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|value, limit| value > limit),
        "Lt" => compare(|value, limit| value < limit),
        _ => false,
    }
}

/// Whether a node matches any term.
pub(crate) fn node_matches(selector: &NodeSelector, node: &Node) -> bool {
    selector
        .node_selector_terms
        .iter()
        .any(|term| term_matches(term, node))
}

/// Whether a node matches a term: all its expressions and fields. An empty term matches nothing.
pub(crate) fn term_matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let empty = Labels::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let holds = |requirement: &NodeSelectorRequirement, value: Option<&str>| {
        operator_matches(
            &requirement.operator,
            requirement.values.as_deref().unwrap_or_default(),
            value,
        )
    };
    expressions
        .iter()
        .all(|requirement| holds(requirement, labels.get(&requirement.key).map(String::as_str)))
        && fields.iter().all(|requirement| {
            // The only field there is.
            requirement.key == "metadata.name" && holds(requirement, node.metadata.name.as_deref())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_follow_upstream() {
        let check = |operator: &str, values: &[&str], value: Option<&str>, expected: bool| {
            let values: Vec<_> = values.iter().map(|&v| v.to_owned()).collect();
            assert_eq!(
                operator_matches(operator, &values, value),
                expected,
                "{operator} {values:?} {value:?}"
            );
        };
        check("In", &["a"], Some("a"), true);
        check("In", &["a"], None, false);
        check("NotIn", &["a"], None, true);
        check("Exists", &[], Some(""), true);
        check("DoesNotExist", &[], None, true);
        check("Gt", &["5"], Some("6"), true);
        check("Gt", &["5"], Some("x"), false);
        check("Lt", &["5"], Some("4"), true);
    }
}
