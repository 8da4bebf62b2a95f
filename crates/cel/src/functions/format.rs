//! `'…'.format([…])`.

use super::conversion::shown_double;
use super::time::{shown_duration, shown_timestamp};
use super::{Functions, failed, list_of, no_such_overload};
use crate::types::Type;
use crate::value::{Map, Value};

pub(super) fn declare(functions: &mut Functions) {
    let arguments = [Type::String, list_of(Type::Dyn)];
    functions.member("format", "string_format", &arguments, Type::String, |a| {
        let [Value::String(form), Value::List(list)] = a else {
            return Err(no_such_overload());
        };
        let values: Vec<Value<'_>> = list.iter().collect();
        match formatted(form, &values) {
            Ok(text) => Ok(Value::text(text)),
            Err(error) => failed(error),
        }
    });
}

fn formatted(form: &str, values: &[Value<'_>]) -> Result<String, String> {
    let mut text = String::with_capacity(form.len());
    let mut rest = form.chars();
    let mut next = 0;
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        if rest.as_str().starts_with('%') {
            rest.next();
            text.push('%');
            continue;
        }
        if rest.as_str().is_empty() {
            return Err("unexpected end of string".to_owned());
        }
        let value = values
            .get(next)
            .ok_or_else(|| format!("index {next} out of range"))?;
        next += 1;
        let (precision, after) = precision(rest.as_str())?;
        rest = after.chars();
        let clause = rest.next().ok_or("unexpected end of string")?;
        text.push_str(
            &clause_text(clause, precision, value)
                .map_err(|error| format!("error during formatting: {error}"))?,
        );
    }
    Ok(text)
}

/// The number after a dot, and what follows it.
fn precision(rest: &str) -> Result<(Option<usize>, &str), String> {
    let Some(after) = rest.strip_prefix('.') else {
        return Ok((None, rest));
    };
    let end = after.find(|c: char| !c.is_ascii_digit());
    let end = end.ok_or("error while parsing precision: could not find end of precision specifier")?;
    let number = after[..end].parse().map_err(|_| {
        "error while parsing precision: error while converting precision to integer".to_owned()
    })?;
    Ok((Some(number), &after[end..]))
}

/// The most decimals that are written.
const MOST_DECIMALS: usize = 1_000;

fn clause_text(clause: char, precision: Option<usize>, value: &Value<'_>) -> Result<String, String> {
    let decimals = precision.unwrap_or(6).min(MOST_DECIMALS);
    match (clause, value) {
        ('s', value) => shown(value, false),
        ('d', Value::Int(number)) => Ok(number.to_string()),
        ('d', Value::Uint(number)) => Ok(number.to_string()),
        ('d', _) => Err(format!(
            "decimal clause can only be used on integers, was given {}",
            type_name(value)
        )),
        ('f', value) => match number(value) {
            Some(number) if number.is_finite() => Ok(format!("{number:.decimals$}")),
            Some(number) => Ok(shown_infinite(number)),
            None => Err(format!(
                "fixed-point clause can only be used on doubles, was given {}",
                type_name(value)
            )),
        },
        ('e', value) => match number(value) {
            Some(number) if number.is_finite() => Ok(scientific(number, decimals)),
            Some(number) => Ok(shown_infinite(number)),
            None => Err(format!(
                "scientific clause can only be used on doubles, was given {}",
                type_name(value)
            )),
        },
        ('b', Value::Int(number)) => Ok(signed(*number, |magnitude| format!("{magnitude:b}"))),
        ('b', Value::Uint(number)) => Ok(format!("{number:b}")),
        ('b', Value::Bool(truth)) => Ok(if *truth { "1" } else { "0" }.to_owned()),
        ('b', _) => Err(format!(
            "only integers and bools can be formatted as binary, was given {}",
            type_name(value)
        )),
        ('x' | 'X', value) => hexadecimal(value, clause == 'X'),
        ('o', Value::Int(number)) => Ok(signed(*number, |magnitude| format!("{magnitude:o}"))),
        ('o', Value::Uint(number)) => Ok(format!("{number:o}")),
        ('o', _) => Err(format!(
            "octal clause can only be used on integers, was given {}",
            type_name(value)
        )),
        (clause, _) => Err(format!("unrecognized formatting clause \"{clause}\"")),
    }
}

fn type_name(value: &Value<'_>) -> String {
    value.runtime_type().runtime_name().to_owned()
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::String(text) => match &**text {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn shown_infinite(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number > 0.0 { "∞" } else { "-∞" }.to_owned()
}

fn scientific(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}\u{202f}×\u{202f}10{}", superscript(exponent))
}

fn superscript(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + c as u32 - '0' as u32).unwrap_or(c),
        other => other,
    };
    format!("{}{:02}", if exponent < 0 { "-" } else { "" }, exponent.abs())
        .chars()
        .map(raised)
        .collect()
}

fn signed(number: i64, write: fn(u64) -> String) -> String {
    let magnitude = write(number.unsigned_abs());
    if number < 0 {
        format!("-{magnitude}")
    } else {
        magnitude
    }
}

fn hexadecimal(value: &Value<'_>, upper: bool) -> Result<String, String> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = match value {
        Value::Int(number) => signed(*number, |magnitude| format!("{magnitude:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(raw) => bytes(raw),
        other => {
            let name = type_name(other);
            return Err(format!(
                "only integers, byte buffers, and strings can be formatted as hex, was given {name}"
            ));
        }
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

/// A value as a text; texts within lists and maps are in quotes.
fn shown(value: &Value<'_>, within: bool) -> Result<String, String> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => shown_double(*number),
        Value::String(text) if within => format!("\"{}\"", &**text),
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Duration(span) => shown_duration(*span),
        Value::Timestamp(time) => shown_timestamp(*time),
        Value::Type(of) => of.runtime_name().to_owned(),
        Value::List(list) => {
            let parts = list
                .iter()
                .map(|element| shown(&element, true))
                .collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", parts.join(", "))
        }
        Value::Map(map) => shown_map(map)?,
        other => {
            let name = type_name(other);
            return Err(format!(
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given {name}"
            ));
        }
    })
}

fn shown_map(map: &Map<'_>) -> Result<String, String> {
    let mut parts = Vec::new();
    for key in map.keys() {
        let value = map
            .get(&key)
            .map_err(|error| error.to_string())?
            .unwrap_or(Value::Null);
        parts.push(format!("{}:{}", shown(&key.value(), true)?, shown(&value, true)?));
    }
    parts.sort();
    Ok(format!("{{{}}}", parts.join(", ")))
}
