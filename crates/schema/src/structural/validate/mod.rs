//! Values against a schema, in the words of upstream's validator.
//!
//! At each place the checks run in upstream's order: type, junctors, text, format, number, list, enumeration, object. What
//! fails is gathered with the number of checks that ran, by which the best of several alternatives is chosen.

mod correlation;
mod junctors;
mod number;
mod object;
mod problem;
mod scalar;
mod way;

use meta::{ErrorList, Path};
use serde_json::Value;

use super::node::{Node, TypeName};
use super::numbers::is_json_integer;
pub(super) use correlation::Correlation;
use problem::{Outcome, Problem};
use way::Way;

/// Checks a value that stands at the node; `old` is what stood there before a change. Messages name places from here on,
/// errors from `path` on.
pub(super) fn validate(node: &Node, value: &Value, old: Option<&Value>, path: &Path) -> ErrorList {
    let place = Place {
        node,
        value,
        old: old.map(|old| Correlation { node, value, old }),
        way: &Way::whole(),
    };
    let problems = ratcheted(&place).problems;
    problems
        .into_iter()
        .map(|problem| problem.into_error(path))
        .collect()
}

/// A value, what it should be, and what it was.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    value: &'a Value,
    old: Option<Correlation<'a>>,
    way: &'a Way<'a>,
}

/// Problems of what did not change are no problems.
fn ratcheted(place: &Place<'_>) -> Outcome {
    let mut outcome = check(place);
    if !outcome.is_valid() && place.old.is_some_and(Correlation::is_unchanged) {
        outcome.problems.clear();
    }
    outcome
}

/// All checks at a place.
fn check(place: &Place<'_>) -> Outcome {
    let Place { node, value, way, .. } = *place;
    let mut outcome = Outcome::default();
    if value.is_null() {
        outcome.merge(null_type(node, way));
        outcome.merge(scalar::enumeration(node, value, way));
        return outcome;
    }
    if !expected(node).is_empty() || !node.checks().format.is_empty() {
        outcome.ran(type_of(node, value, way));
    }
    outcome.ran(junctors::check(place));
    match value {
        Value::String(text) => {
            outcome.ran(scalar::text(node.checks(), text, way));
            if super::formats::is_checked(&node.checks().format) {
                outcome.ran(scalar::format(&node.checks().format, text, way));
            }
        }
        Value::Number(number) => outcome.ran(number::check(node, number, way)),
        Value::Array(items) => outcome.ran(object::list(place, items)),
        _ => {}
    }
    outcome.ran(scalar::enumeration(node, value, way));
    if let Value::Object(fields) = value {
        outcome.ran(object::object(place, fields));
    }
    outcome.counted()
}

/// The names of the types that are expected, none for any.
fn expected(node: &Node) -> &'static [&'static str] {
    match node.type_name {
        _ if node.int_or_string => &["integer", "string"],
        None => &[],
        Some(TypeName::Array) => &["array"],
        Some(TypeName::Boolean) => &["boolean"],
        Some(TypeName::Integer) => &["integer"],
        Some(TypeName::Number) => &["number"],
        Some(TypeName::Object) => &["object"],
        Some(TypeName::String) => &["string"],
    }
}

fn null_type(node: &Node, way: &Way<'_>) -> Outcome {
    let expected = expected(node);
    if expected.is_empty() || node.nullable {
        return Outcome::good(1);
    }
    Problem::wrong_type(way, &expected.join(","), "null").into()
}

fn type_of(node: &Node, value: &Value, way: &Way<'_>) -> Outcome {
    let (expected, wanted_format) = (expected(node), node.checks().format.as_str());
    let (found, found_format) = match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_f64() => ("number", "float64"),
        Value::Number(_) => ("integer", "int64"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    };
    let is_whole = value.as_f64().is_some_and(is_json_integer);
    let fits = expected.contains(&found)
        || (found == "number" && is_whole && expected.contains(&"integer"))
        || (found == "integer" && expected.contains(&"number"));
    let has_text = matches!(value, Value::String(_) | Value::Array(_));
    if !has_text && !wanted_format.is_empty() && !fits && found_format != wanted_format {
        return Problem::wrong_type(way, wanted_format, found_format).into();
    }
    let is_numeric = expected.iter().any(|name| matches!(*name, "number" | "integer"));
    if (has_text && !wanted_format.is_empty() && !is_numeric) || fits {
        return Outcome::good(1);
    }
    Problem::wrong_type(way, &expected.join(","), found).into()
}
