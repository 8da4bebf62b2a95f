//! The rules of a role that gathers those of others.

use meta::label_selector::LabelSelector;
use meta::object;
use serde_json::{Map, Value};

/// The rules of every role that one of the selectors picks, by name of the role, each rule once. A selector that cannot be
/// read picks nothing.
pub fn aggregated_rules<'a>(selectors: &[Value], roles: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let selectors: Vec<LabelSelector> = selectors
        .iter()
        .filter_map(|selector| LabelSelector::from_object(selector).ok())
        .collect();
    let mut picked: Vec<&Value> = roles
        .filter(|role| selectors.iter().any(|selector| selector.matches(&labels(role))))
        .collect();
    picked.sort_by_key(|role| object::name(role));
    let mut rules: Vec<Value> = Vec::new();
    for rule in picked
        .iter()
        .filter_map(|role| role["rules"].as_array())
        .flatten()
    {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    rules
}

fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object["metadata"]["labels"].as_object()
}
