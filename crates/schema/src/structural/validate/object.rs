//! Lists and objects, and what is in them.

use serde_json::{Map, Value};

use super::problem::{Outcome, Problem};
use super::way::Way;
use super::{Correlation, Place, ratcheted};
use crate::structural::node::{Additional, Node};

pub(super) fn list(place: &Place<'_>, items: &[Value]) -> Outcome {
    let (checks, way, count) = (place.node.checks(), place.way, items.len());
    let mut outcome = Outcome::default();
    if let Some(node) = &place.node.items {
        let old = place.old.map(Correlation::items).unwrap_or_default();
        for (index, value) in items.iter().enumerate() {
            let old = old.get(index).copied().flatten();
            outcome.merge(below(node, value, old, &way.item(index)));
        }
    }
    if let Some(min) = checks.min_items.filter(|min| is_fewer(count, *min)) {
        outcome.push(Problem::invalid(
            way,
            count,
            &format!("should have at least {min} items"),
        ));
    }
    if let Some(max) = checks.max_items.filter(|max| is_more(count, *max)) {
        outcome.push(Problem::too_many(way, count, max, "items"));
    }
    if checks.unique_items && has_duplicates(items) {
        outcome.push(Problem::invalid(way, "", "shouldn't contain duplicates"));
    }
    outcome.counted()
}

fn has_duplicates(items: &[Value]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    !items.iter().all(|item| seen.insert(item.to_string()))
}

pub(super) fn object(place: &Place<'_>, fields: &Map<String, Value>) -> Outcome {
    let (node, way, count) = (place.node, place.way, fields.len());
    let checks = node.checks();
    let mut outcome = Outcome::default();
    if let Some(min) = checks.min_properties.filter(|min| is_fewer(count, *min)) {
        outcome.push(Problem::invalid(
            way,
            count,
            &format!("should have at least {min} properties"),
        ));
    }
    if let Some(max) = checks.max_properties.filter(|max| is_more(count, *max)) {
        outcome.push(Problem::too_many(way, count, max, "properties"));
    }
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| !node.properties.contains_key(name))
    {
        match &node.additional {
            Some(Additional::Nothing) => outcome.push(forbidden(way, name)),
            Some(Additional::Schema(other)) => {
                outcome.merge(below(other, value, old_field(place, name), &way.entry(name)));
            }
            Some(Additional::Any) | None => {}
        }
    }
    for (name, property) in &node.properties {
        if let Some(value) = fields.get(name) {
            outcome.merge(below(
                property,
                value,
                old_field(place, name),
                &way.property(name),
            ));
        }
    }
    for name in checks.required.iter().filter(|name| !fields.contains_key(*name)) {
        outcome.push(Problem::required(&way.entry(name)));
    }
    outcome
}

fn forbidden(way: &Way<'_>, name: &str) -> Problem {
    Problem::said(way, name, format!("{way}.{name} in body is a forbidden property"))
}

fn below(node: &Node, value: &Value, old: Option<Correlation<'_>>, way: &Way<'_>) -> Outcome {
    // What junctors say of a part is held against what the structure says it was.
    ratcheted(&Place {
        node,
        value,
        old,
        way,
    })
}

/// What a field was before. What an object of a kind says it is, is never taken on trust.
fn old_field<'a>(place: &Place<'a>, name: &str) -> Option<Correlation<'a>> {
    let says_what_it_is = place.way.is_whole() && matches!(name, "kind" | "apiVersion");
    place.old.filter(|_| !says_what_it_is)?.field(name)
}

fn is_fewer(count: usize, min: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| count < min)
}

fn is_more(count: usize, max: i64) -> bool {
    i64::try_from(count).map_or(true, |count| count > max)
}
