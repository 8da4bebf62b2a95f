//! Text, formats and enumerations.

use serde_json::Value;

use super::problem::{Outcome, Problem};
use super::way::Way;
use crate::structural::formats;
use crate::structural::node::{Checks, Node};

/// The first thing that is wrong with a text.
pub(super) fn text(checks: &Checks, text: &str, way: &Way<'_>) -> Outcome {
    text_problem(checks, text, way).into()
}

fn text_problem(checks: &Checks, text: &str, way: &Way<'_>) -> Option<Problem> {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(max) = checks.max_length.filter(|max| length > *max) {
        return Some(Problem::too_long(way, max));
    }
    if let Some(min) = checks.min_length.filter(|min| length < *min) {
        return Some(Problem::invalid(
            way,
            text,
            &format!("should be at least {min} chars long"),
        ));
    }
    let pattern = checks.pattern.as_ref()?;
    let sentence = match pattern.matches(text) {
        Ok(true) => return None,
        Ok(false) => format!("should match '{pattern}'"),
        Err(error) => format!("should match '{pattern}, but pattern is invalid: {error}'"),
    };
    Some(Problem::invalid(way, text, &sentence))
}

pub(super) fn format(format: &str, text: &str, way: &Way<'_>) -> Outcome {
    let is_wrong = !formats::is_met(format, text);
    is_wrong.then(|| Problem::wrong_type(way, format, text)).into()
}

pub(super) fn enumeration(node: &Node, value: &Value, way: &Way<'_>) -> Outcome {
    let Some(allowed) = &node.checks().enum_values else {
        return Outcome::default();
    };
    if allowed.iter().any(|allowed| is_equal(value, allowed)) {
        return Outcome::default();
    }
    Problem::not_supported(way, value, allowed).into()
}

/// Numbers are compared as the type that the enumeration has them in. Null is never in it.
#[allow(clippy::cast_possible_truncation)]
fn is_equal(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (Value::Null, _) => false,
        (Value::Number(value), Value::Number(allowed)) => match allowed.as_i64() {
            Some(allowed) => {
                value
                    .as_i64()
                    .or_else(|| value.as_f64().map(|value| value as i64))
                    == Some(allowed)
            }
            None => value.as_f64() == allowed.as_f64(),
        },
        (value, allowed) => value == allowed,
    }
}
