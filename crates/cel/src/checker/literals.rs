//! Literals that functions cannot read: told before anything is evaluated.

use crate::functions::{regex, time};
use crate::source::{Problem, Source};
use crate::syntax::tree::{Constant, Expr, Kind};

/// Adds what is wrong with the literals that `duration`, `timestamp` and `matches` are given.
pub fn check(source: &Source, expr: &Expr, problems: &mut Vec<Problem>) {
    if let Kind::Call {
        target,
        function,
        arguments,
    } = &expr.kind
    {
        let literal = match (function.as_str(), target.is_some(), arguments.as_slice()) {
            ("duration" | "timestamp", false, [argument])
            | ("matches", true, [argument])
            | ("matches", false, [_, argument]) => Some(argument),
            _ => None,
        };
        if let Some(argument) = literal
            && let Kind::Constant(Constant::String(text)) = &argument.kind
            && !reads(function, text)
        {
            problems.push(Problem {
                location: Some(source.location(argument.at)),
                message: format!("invalid {function} argument"),
            });
        }
    }
    for child in expr.children() {
        check(source, child, problems);
    }
}

fn reads(function: &str, text: &str) -> bool {
    match function {
        "duration" => meta::Duration::parse(text).is_ok(),
        "timestamp" => time::parse_timestamp(text).is_some(),
        _ => regex::compile(text).is_ok(),
    }
}
