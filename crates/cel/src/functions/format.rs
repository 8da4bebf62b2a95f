//! `'…'.format([…])`.

use meta::quote;

use super::conversion::shown_double;
use super::time::shown_duration;
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

/// How one value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `%s`
    Text,
    /// `%d`
    Decimal,
    /// `%f`, with so many decimals.
    Fixed(usize),
    /// `%e`, with so many decimals.
    Scientific(usize),
    /// `%b`
    Binary,
    /// `%x`, or `%X` in capital letters.
    Hexadecimal(bool),
    /// `%o`
    Octal,
}

/// A piece of a form.
enum Piece<'f> {
    Plain(&'f str),
    Value(Clause),
}

/// The clauses of a form, in order.
///
/// # Errors
/// If it is none.
pub fn clauses(form: &str) -> Result<Vec<Clause>, String> {
    let mut clauses = Vec::new();
    let mut rest = form;
    while let Some((piece, after)) = next_piece(rest)? {
        rest = after;
        if let Piece::Value(clause) = piece {
            clauses.push(clause);
        }
    }
    Ok(clauses)
}

fn formatted(form: &str, values: &[Value<'_>]) -> Result<String, String> {
    let mut text = String::with_capacity(form.len());
    let (mut rest, mut next) = (form, 0);
    while let Some((piece, after)) = next_piece(rest)? {
        rest = after;
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Value(clause) => {
                let value = values
                    .get(next)
                    .ok_or_else(|| format!("index {next} out of range"))?;
                next += 1;
                let written = clause
                    .write(value)
                    .map_err(|error| format!("error during formatting: {error}"))?;
                text.push_str(&written);
            }
        }
    }
    Ok(text)
}

fn next_piece(rest: &str) -> Result<Option<(Piece<'_>, &str)>, String> {
    let Some(after) = rest.strip_prefix('%') else {
        let end = rest.find('%').unwrap_or(rest.len());
        return Ok((end > 0).then(|| (Piece::Plain(&rest[..end]), &rest[end..])));
    };
    if after.is_empty() {
        return Err("unexpected end of string".to_owned());
    }
    if let Some(after) = after.strip_prefix('%') {
        return Ok(Some((Piece::Plain("%"), after)));
    }
    let (decimals, after) = precision(after)?;
    let Some(letter) = after.chars().next() else {
        return Err("could not parse formatting clause: unexpected end of string".to_owned());
    };
    let clause = match letter {
        's' => Clause::Text,
        'd' => Clause::Decimal,
        'f' => Clause::Fixed(decimals),
        'e' => Clause::Scientific(decimals),
        'b' => Clause::Binary,
        'x' | 'X' => Clause::Hexadecimal(letter == 'X'),
        'o' => Clause::Octal,
        other => {
            let problem = format!("unrecognized formatting clause \"{other}\"");
            return Err(format!("could not parse formatting clause: {problem}"));
        }
    };
    Ok(Some((Piece::Value(clause), &after[letter.len_utf8()..])))
}

/// Decimals that are written unless a form says otherwise.
const DECIMALS: usize = 6;
/// The most decimals that are written.
const MOST_DECIMALS: usize = 1_000;

/// The number after a dot, and what follows it.
fn precision(rest: &str) -> Result<(usize, &str), String> {
    let Some(after) = rest.strip_prefix('.') else {
        return Ok((DECIMALS, rest));
    };
    let wrong =
        |reason: &str| format!("could not parse formatting clause: error while parsing precision: {reason}");
    let Some(end) = after.find(|c: char| !c.is_ascii_digit()) else {
        return Err(wrong("could not find end of precision specifier"));
    };
    let digits = &after[..end];
    let number: i64 = digits.parse().map_err(|_| {
        let reason = if digits.is_empty() {
            "invalid syntax"
        } else {
            "value out of range"
        };
        let problem = format!("strconv.Atoi: parsing {}: {reason}", quote(digits));
        wrong(&format!("error while converting precision to integer: {problem}"))
    })?;
    let number = usize::try_from(number).unwrap_or(MOST_DECIMALS);
    Ok((number.min(MOST_DECIMALS), &after[end..]))
}

impl Clause {
    /// Whether values of a type can be written so.
    pub fn takes(self, of: &Type) -> bool {
        match self {
            Self::Text => !matches!(of, Type::Opaque(_) | Type::Object(_) | Type::Optional(_)),
            Self::Decimal => matches!(of, Type::Int | Type::Uint),
            Self::Fixed(_) | Self::Scientific(_) => {
                matches!(of, Type::Double | Type::String)
            }
            Self::Binary => matches!(of, Type::Int | Type::Uint | Type::Bool),
            Self::Hexadecimal(_) => matches!(of, Type::Int | Type::Uint | Type::String | Type::Bytes),
            Self::Octal => matches!(of, Type::Int | Type::Uint),
        }
    }

    /// What is said of a value that cannot.
    pub fn refusal(self, given: &str) -> String {
        let rule = match self {
            Self::Text => {
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
            }
            Self::Decimal => "decimal clause can only be used on integers",
            Self::Fixed(_) => "fixed-point clause can only be used on doubles",
            Self::Scientific(_) => "scientific clause can only be used on doubles",
            Self::Binary => "only integers and bools can be formatted as binary",
            Self::Hexadecimal(_) => "only integers, byte buffers, and strings can be formatted as hex",
            Self::Octal => "octal clause can only be used on integers",
        };
        format!("{rule}, was given {given}")
    }

    fn write(self, value: &Value<'_>) -> Result<String, String> {
        let written = match (self, value) {
            (Self::Text, value) => return shown(value, false),
            (Self::Decimal, Value::Int(number)) => Some(number.to_string()),
            (Self::Decimal, Value::Uint(number)) => Some(number.to_string()),
            (Self::Fixed(decimals), value) => number(value).map(|number| match number.is_finite() {
                true => format!("{number:.decimals$}"),
                false => shown_infinite(number),
            }),
            (Self::Scientific(decimals), value) => number(value).map(|number| match number.is_finite() {
                true => scientific(number, decimals),
                false => shown_infinite(number),
            }),
            (Self::Binary, Value::Int(number)) => Some(signed(*number, |magnitude| format!("{magnitude:b}"))),
            (Self::Binary, Value::Uint(number)) => Some(format!("{number:b}")),
            (Self::Binary, Value::Bool(truth)) => Some(if *truth { "1" } else { "0" }.to_owned()),
            (Self::Hexadecimal(capitals), value) => {
                hexadecimal(value).map(|text| if capitals { text.to_uppercase() } else { text })
            }
            (Self::Octal, Value::Int(number)) => Some(signed(*number, |magnitude| format!("{magnitude:o}"))),
            (Self::Octal, Value::Uint(number)) => Some(format!("{number:o}")),
            _ => None,
        };
        written.ok_or_else(|| self.refusal(value.runtime_type().runtime_name()))
    }
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
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
    format!("{digits}×10{}", superscript(exponent.parse().unwrap_or(0)))
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

fn hexadecimal(value: &Value<'_>) -> Option<String> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some(match value {
        Value::Int(number) => signed(*number, |magnitude| format!("{magnitude:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(raw) => bytes(raw),
        _ => return None,
    })
}

/// A value as a text. Within lists and maps, texts are in quotes, and all that could be taken for another value is written as
/// what makes it.
fn shown(value: &Value<'_>, within: bool) -> Result<String, String> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) if !within => shown_double(*number),
        Value::Double(number) if number.is_finite() => format!("{number:.DECIMALS$}"),
        Value::Double(number) => quote(&shown_double(*number)),
        Value::String(text) if within => quote(text),
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) if within => format!("b{}", quote(text_of(bytes)?)),
        Value::Bytes(bytes) => text_of(bytes)?.to_owned(),
        Value::Duration(span) if within => format!("duration({})", quote(&shown_duration(*span))),
        Value::Duration(span) => shown_duration(*span),
        Value::Timestamp(time) if within => format!("timestamp({})", quote(&time.to_string())),
        Value::Timestamp(time) => time.to_string(),
        Value::Type(of) => of.runtime_name().to_owned(),
        Value::List(list) => {
            let parts = list
                .iter()
                .map(|element| shown(&element, true))
                .collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", parts.join(", "))
        }
        Value::Map(map) => shown_map(map)?,
        other => return Err(Clause::Text.refusal(other.runtime_type().runtime_name())),
    })
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| {
        let reason = "invalid UTF-8 in bytes, cannot convert to string";
        format!("could not convert argument {} to string", quote(reason))
    })
}

fn shown_map(map: &Map<'_>) -> Result<String, String> {
    let mut parts = Vec::new();
    for key in map.keys() {
        let value = map
            .get(&key)
            .map_err(|error| error.to_string())?
            .unwrap_or(Value::Null);
        let key = key.value();
        if let Value::Double(_) | Value::Null = key {
            let of = key.runtime_type();
            return Err(format!(
                "no formatting function for map key of type {}",
                of.runtime_name()
            ));
        }
        parts.push(format!("{}:{}", shown(&key, true)?, shown(&value, true)?));
    }
    parts.sort();
    Ok(format!("{{{}}}", parts.join(", ")))
}
