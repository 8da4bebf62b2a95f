//! Regular expressions, in the syntax of RE2.

use meta::pattern::{Pattern, PatternError};

use super::{Answer, Functions, failed, list_of, no_such_overload};
use crate::error::EvaluationError;
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    use Type::{Bool, Int, String};
    functions.global("matches", "matches", &[String, String], Bool, matches);
    functions.member("matches", "matches_string", &[String, String], Bool, matches);
    functions.member("find", "string_find_string", &[String, String], String, find);
    functions.member(
        "findAll",
        "string_find_all_string",
        &[String, String],
        list_of(String),
        find_all,
    );
    functions.member(
        "findAll",
        "string_find_all_string_int",
        &[String, String, Int],
        list_of(String),
        find_all,
    );
}

fn matches<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(no_such_overload());
    };
    match Pattern::new(pattern).and_then(|pattern| pattern.matches(text)) {
        Ok(matches) => Ok(Value::Bool(matches)),
        Err(error) => failed(error.to_string()),
    }
}

/// The parts of a text that match, at most so many.
fn found(text: &str, pattern: &str, most: usize) -> Result<Vec<String>, EvaluationError> {
    let illegal = |error: PatternError| EvaluationError::failed(format!("Illegal regex: {error}"));
    let pattern = Pattern::new(pattern).map_err(illegal)?;
    let matches = pattern.regex().map_err(illegal)?.find_iter(text).take(most);
    Ok(matches.map(|found| found.as_str().to_owned()).collect())
}

fn find<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(no_such_overload());
    };
    Ok(Value::text(found(text, pattern, 1)?.pop().unwrap_or_default()))
}

fn find_all<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, pattern, most) = match arguments {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(most)] => (text, pattern, *most),
        _ => return Err(no_such_overload()),
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Ok(Value::list(
        found(text, pattern, most)?.into_iter().map(Value::text).collect(),
    ))
}
