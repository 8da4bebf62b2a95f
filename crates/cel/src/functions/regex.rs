//! Regular expressions, in the syntax of RE2.

use meta::pattern::Pattern;

use super::{Answer, Functions, failed, list_of, no_such_overload};
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
    match Pattern::new(pattern) {
        Ok(pattern) => Ok(Value::Bool(pattern.matches(text))),
        Err(error) => failed(error.to_string()),
    }
}

fn find<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(no_such_overload());
    };
    match Pattern::new(pattern) {
        Ok(pattern) => Ok(Value::text(
            pattern.regex().find(text).map_or("", |found| found.as_str()),
        )),
        Err(error) => failed(format!("Illegal regex: {error}")),
    }
}

fn find_all<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let (text, pattern, most) = match arguments {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(most)] => (text, pattern, *most),
        _ => return Err(no_such_overload()),
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match Pattern::new(pattern) {
        Ok(pattern) => Ok(Value::list(
            pattern
                .regex()
                .find_iter(text)
                .take(most)
                .map(|found| Value::text(found.as_str()))
                .collect(),
        )),
        Err(error) => failed(format!("Illegal regex: {error}")),
    }
}
