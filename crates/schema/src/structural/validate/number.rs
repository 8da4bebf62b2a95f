//! Numbers: range of the type, bounds, multiples.

use serde_json::Number;

use super::problem::{Outcome, Problem};
use super::way::Way;
use crate::structural::node::{Node, TypeName};
use crate::structural::numbers::{go_text, is_json_integer, is_whole};

pub(super) fn check(node: &Node, number: &Number, way: &Way<'_>) -> Outcome {
    let checks = node.checks();
    let range = Range::of(node);
    let mut outcome = Outcome::default();
    let mut within = |value: f64, is_int: bool, prefix: &str| {
        let problem = range.problem(value, is_int, prefix, way);
        let fits = problem.is_none();
        problem.into_iter().for_each(|problem| outcome.push(problem));
        fits
    };
    let value = Num::of(number);
    within(value.float(), matches!(value, Num::Int(_)), "Checked");
    let mut problems = Vec::new();
    if let Some(factor) = checks.multiple_of {
        let native = within(factor, false, "MultipleOf");
        problems.push(multiple_of(value, factor, native, way));
    }
    if let Some(minimum) = checks.minimum {
        let native = within(minimum, false, "Minimum boundary");
        problems.push(bound(
            value,
            minimum,
            native,
            checks.exclusive_minimum,
            &LOWER,
            way,
        ));
    }
    if let Some(maximum) = checks.maximum {
        let native = within(maximum, false, "Maximum boundary");
        problems.push(bound(
            value,
            maximum,
            native,
            checks.exclusive_maximum,
            &UPPER,
            way,
        ));
    }
    problems
        .into_iter()
        .flatten()
        .for_each(|problem| outcome.push(problem));
    outcome.counted()
}

/// A number as it was written.
#[derive(Clone, Copy)]
enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    fn of(number: &Number) -> Self {
        match number.as_i64() {
            Some(int) => Self::Int(int),
            None => Self::Float(number.as_f64().unwrap_or(f64::MAX)),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    fn json(self) -> serde_json::Value {
        match self {
            Self::Int(int) => int.into(),
            Self::Float(float) => float.into(),
        }
    }
}

/// What numbers of a type and format can be.
struct Range {
    type_name: &'static str,
    format: &'static str,
}

impl Range {
    fn of(node: &Node) -> Self {
        let known = |formats: [&'static str; 2]| {
            formats
                .into_iter()
                .find(|format| *format == node.checks().format)
                .unwrap_or("")
        };
        let (type_name, format) = match node.type_name {
            _ if node.int_or_string => ("", ""),
            Some(TypeName::Integer) => ("integer", known(["int32", "int64"])),
            Some(TypeName::Number) => ("number", known(["float", "double"])),
            _ => ("", ""),
        };
        Self { type_name, format }
    }

    fn problem(&self, value: f64, is_int: bool, prefix: &str, way: &Way<'_>) -> Option<Problem> {
        #[allow(clippy::cast_precision_loss)]
        let is_whole_in = |least: f64, most: f64| is_whole(value) && value >= least && value <= most;
        let fits = match (self.type_name, self.format) {
            ("integer", "int32") => is_whole_in(f64::from(i32::MIN), f64::from(i32::MAX)),
            // 2^63 itself no longer fits.
            ("integer", _) => {
                is_int
                    || (is_whole(value)
                        && (-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&value))
            }
            (_, "float") => value.abs() <= f64::from(f32::MAX),
            _ => true,
        };
        let name = self.type_name;
        let format = match self.format {
            "" => "(default format)".to_owned(),
            format => format!("with format {format}"),
        };
        (!fits).then(|| Problem::general(format!("{prefix} value must be of type {name} {format} in {way}")))
    }
}

/// One end of the numbers allowed.
struct End {
    or_equal: &'static str,
    exclusive: &'static str,
    is_upper: bool,
}

const UPPER: End = End {
    or_equal: "should be less than or equal to",
    exclusive: "should be less than",
    is_upper: true,
};
const LOWER: End = End {
    or_equal: "should be greater than or equal to",
    exclusive: "should be greater than",
    is_upper: false,
};

/// `native`: the bound is one of the type, so that whole numbers are compared as such.
#[allow(clippy::cast_possible_truncation)]
fn bound(value: Num, bound: f64, native: bool, exclusive: bool, end: &End, way: &Way<'_>) -> Option<Problem> {
    let (order, shown) = match value {
        Num::Int(value) if native => (value.cmp(&(bound as i64)), (bound as i64).to_string()),
        value => (value.float().partial_cmp(&bound)?, go_text(bound)),
    };
    let beyond = if end.is_upper {
        order.is_gt()
    } else {
        order.is_lt()
    };
    if !(beyond || exclusive && order.is_eq()) {
        return None;
    }
    let words = if exclusive { end.exclusive } else { end.or_equal };
    Some(Problem::invalid(way, value.json(), &format!("{words} {shown}")))
}

#[allow(clippy::cast_possible_truncation)]
fn multiple_of(value: Num, factor: f64, native: bool, way: &Way<'_>) -> Option<Problem> {
    // Whole numbers are multiples of whole numbers only.
    let factor = match value {
        Num::Int(_) if native => factor.trunc(),
        _ => factor,
    };
    if factor <= 0.0 {
        let message = format!(
            "factor MultipleOf declared for {way} must be positive: {}",
            go_text(factor)
        );
        return Some(Problem::said(way, factor, message));
    }
    let (is_multiple, shown) = match value {
        Num::Int(value) if native => {
            let whole = factor as i64;
            (value.checked_rem(whole) == Some(0), whole.to_string())
        }
        value => {
            let times = if factor < 1.0 {
                1.0 / factor * value.float()
            } else {
                value.float() / factor
            };
            (is_json_integer(times), go_text(factor))
        }
    };
    (!is_multiple).then(|| Problem::invalid(way, value.json(), &format!("should be a multiple of {shown}")))
}
