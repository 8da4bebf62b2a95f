//! Regular expressions, in the syntax of RE2.

use ::regex::Regex;

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

/// Compiled programs larger than this are refused, as patterns that would take too much memory.
const MOST_BYTES: usize = 1 << 20;

/// Compiles a pattern.
///
/// # Errors
/// If it is none.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    ::regex::RegexBuilder::new(pattern)
        .size_limit(MOST_BYTES)
        .build()
        .map_err(|error| error_text(pattern, &error))
}

/// What RE2 says of the common mistakes; of the others, that the pattern cannot be parsed.
fn error_text(pattern: &str, error: &::regex::Error) -> String {
    let text = error.to_string();
    let reason = match &text {
        text if text.contains("unclosed group") => format!("missing closing ): `{pattern}`"),
        text if text.contains("unopened group") => format!("unexpected ): `{pattern}`"),
        text if text.contains("unclosed character class") => {
            let at = pattern.rfind('[').unwrap_or(0);
            format!("missing closing ]: `{}`", &pattern[at..])
        }
        text if text.contains("repetition operator missing expression") => {
            let operator = pattern.find(['*', '+', '?']).map_or("*", |at| &pattern[at..=at]);
            format!("missing argument to repetition operator: `{operator}`")
        }
        text if text.contains("incomplete escape sequence") => {
            "trailing backslash at end of expression: ``".to_owned()
        }
        text if text.contains("look-around") => {
            let at = pattern.find("(?").unwrap_or(0);
            let length = if pattern[at..].starts_with("(?<") { 4 } else { 3 };
            format!(
                "invalid or unsupported Perl syntax: `{}`",
                pattern.get(at..at + length).unwrap_or("(?")
            )
        }
        text if text.contains("size limit") => "expression too large".to_owned(),
        _ => format!("invalid regular expression: `{pattern}`"),
    };
    format!("error parsing regexp: {reason}")
}

fn matches<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(no_such_overload());
    };
    match compile(pattern) {
        Ok(regex) => Ok(Value::Bool(regex.is_match(text))),
        Err(error) => failed(error),
    }
}

fn find<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return Err(no_such_overload());
    };
    match compile(pattern) {
        Ok(regex) => Ok(Value::text(regex.find(text).map_or("", |found| found.as_str()))),
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
    match compile(pattern) {
        Ok(regex) => Ok(Value::list(
            regex
                .find_iter(text)
                .take(most)
                .map(|found| Value::text(found.as_str()))
                .collect(),
        )),
        Err(error) => failed(format!("Illegal regex: {error}")),
    }
}
