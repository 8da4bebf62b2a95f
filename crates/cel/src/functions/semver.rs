//! Semantic versions.

use std::cmp::Ordering;
use std::sync::Arc;

use meta::quote;

use super::opaque::{Opaque, types::SEMVER};
use super::{Answer, Functions, Run, failed, no_such_overload};
use crate::types::Type;
use crate::value::Value;

pub(super) fn declare(functions: &mut Functions) {
    functions.global("semver", "string_to_semver", &[Type::String], SEMVER, parse_value);
    functions.global(
        "semver",
        "string_bool_to_semver",
        &[Type::String, Type::Bool],
        SEMVER,
        parse_value,
    );
    functions.global("isSemver", "is_semver_string", &[Type::String], Type::Bool, |a| {
        Ok(Value::Bool(read(a)?.is_ok()))
    });
    functions.global(
        "isSemver",
        "is_semver_string_bool",
        &[Type::String, Type::Bool],
        Type::Bool,
        |a| Ok(Value::Bool(read(a)?.is_ok())),
    );
    let two: [(&'static str, &'static str, Type, Run); 3] = [
        ("isGreaterThan", "semver_is_greater_than", Type::Bool, |a| {
            compared(a, |o| Value::Bool(o.is_gt()))
        }),
        ("isLessThan", "semver_is_less_than", Type::Bool, |a| {
            compared(a, |o| Value::Bool(o.is_lt()))
        }),
        ("compareTo", "semver_compare_to", Type::Int, |a| {
            compared(a, |o| Value::Int(o as i64))
        }),
    ];
    for (function, id, result, run) in two {
        functions.member(function, id, &[SEMVER, SEMVER], result, run);
    }
    let numbers: [(&'static str, &'static str, Run); 3] = [
        ("major", "semver_major", |a| number(a, 0)),
        ("minor", "semver_minor", |a| number(a, 1)),
        ("patch", "semver_patch", |a| number(a, 2)),
    ];
    for (function, id, run) in numbers {
        functions.member(function, id, &[SEMVER], Type::Int, run);
    }
}

/// A semantic version.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    before: Vec<Part>,
}

/// A part of what makes a version one before the release.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

impl Version {
    /// Which of the two comes first.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.before.is_empty(), other.before.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => self.before.cmp(&other.before),
            }
        })
    }
}

fn read(arguments: &[Value<'_>]) -> Result<Result<Version, String>, crate::error::EvaluationError> {
    match arguments {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => Ok(parse(text)),
        [Value::String(text), Value::Bool(true)] => Ok(normalized(text).and_then(|text| parse(&text))),
        _ => Err(no_such_overload()),
    }
}

fn parse_value<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match read(arguments)? {
        Ok(version) => Ok(Value::Opaque(Opaque::Semver(Arc::new(version)))),
        Err(error) => failed(error),
    }
}

fn compared<'v>(arguments: &[Value<'v>], run: fn(Ordering) -> Value<'v>) -> Answer<'v> {
    match arguments {
        [
            Value::Opaque(Opaque::Semver(left)),
            Value::Opaque(Opaque::Semver(right)),
        ] => Ok(run(left.precedence(right))),
        _ => Err(no_such_overload()),
    }
}

fn number<'v>(arguments: &[Value<'v>], which: usize) -> Answer<'v> {
    match arguments {
        [Value::Opaque(Opaque::Semver(version))] => Ok(Value::Int(version.numbers[which] as i64)),
        _ => Err(no_such_overload()),
    }
}

/// With all three numbers, without a `v` before and zeros in front of them.
fn normalized(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
    if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
        return Err("short version cannot contain PreRelease/Build meta data".to_owned());
    }
    parts.resize_with(parts.len().max(3), || "0".to_owned());
    Ok(parts.join("."))
}

fn without_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let rest = part.trim_start_matches('0');
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        rest.to_owned()
    } else {
        format!("0{rest}")
    }
}

fn parse(text: &str) -> Result<Version, String> {
    if text.is_empty() {
        return Err("Version string empty".to_owned());
    }
    let parts: Vec<&str> = text.splitn(3, '.').collect();
    let [major, minor, rest] = parts[..] else {
        return Err("No Major.Minor.Patch elements found".to_owned());
    };
    let major = whole(major, "Major")?;
    let minor = whole(minor, "Minor")?;
    let (rest, build) = rest
        .split_once('+')
        .map_or((rest, None), |(rest, build)| (rest, Some(build)));
    let (patch, before) = rest
        .split_once('-')
        .map_or((rest, None), |(patch, before)| (patch, Some(before)));
    let patch = whole(patch, "Patch")?;
    let before = before.map_or(Ok(Vec::new()), |before| before.split('.').map(part).collect())?;
    for piece in build.into_iter().flat_map(|build| build.split('.')) {
        if piece.is_empty() {
            return Err("Build meta data is empty".to_owned());
        }
        if !piece.bytes().all(fits) {
            return Err(format!(
                "Invalid character(s) found in build meta data {}",
                quote(piece)
            ));
        }
    }
    Ok(Version {
        numbers: [major, minor, patch],
        before,
    })
}

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn whole(text: &str, which: &str) -> Result<u64, String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "Invalid character(s) found in {} number {}",
            which.to_lowercase(),
            quote(text)
        ));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!(
            "{which} number must not contain leading zeroes {}",
            quote(text)
        ));
    }
    let reason = if text.is_empty() {
        "invalid syntax"
    } else {
        "value out of range"
    };
    text.parse()
        .map_err(|_| format!("strconv.ParseUint: parsing {}: {reason}", quote(text)))
}

fn part(text: &str) -> Result<Part, String> {
    if text.is_empty() {
        return Err("Prerelease is empty".to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err(format!(
                "Numeric PreRelease version must not contain leading zeroes {}",
                quote(text)
            ));
        }
        let out_of_range = |_| format!("strconv.ParseUint: parsing {}: value out of range", quote(text));
        return text.parse().map(Part::Number).map_err(out_of_range);
    }
    if !text.bytes().all(fits) {
        return Err(format!(
            "Invalid character(s) found in prerelease {}",
            quote(text)
        ));
    }
    Ok(Part::Text(text.to_owned()))
}
