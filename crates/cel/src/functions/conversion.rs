//! Conversions between types: functions that are called as the type they give.

use super::time::shown_duration;
use super::{Answer, Functions, Run, cannot_convert, failed, no_such_overload};
use crate::types::Type;
use crate::value::{Moment, Value};
use meta::Duration;

pub(super) fn declare(functions: &mut Functions) {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let mut conversion = |function, result: Type, run: Run, overloads: &[(&'static str, Type)]| {
        for (id, from) in overloads {
            functions.global(function, id, std::slice::from_ref(from), result.clone(), run);
        }
    };
    conversion(
        "bool",
        Bool,
        to_bool,
        &[("bool_to_bool", Bool), ("string_to_bool", String)],
    );
    conversion(
        "bytes",
        Bytes,
        to_bytes,
        &[("bytes_to_bytes", Bytes), ("string_to_bytes", String)],
    );
    conversion(
        "double",
        Double,
        to_double,
        &[
            ("double_to_double", Double),
            ("int64_to_double", Int),
            ("string_to_double", String),
            ("uint64_to_double", Uint),
        ],
    );
    conversion(
        "duration",
        Duration,
        to_duration,
        &[
            ("duration_to_duration", Duration),
            ("int64_to_duration", Int),
            ("string_to_duration", String),
        ],
    );
    conversion(
        "int",
        Int,
        to_int,
        &[
            ("int64_to_int64", Int),
            ("double_to_int64", Double),
            ("duration_to_int64", Duration),
            ("string_to_int64", String),
            ("timestamp_to_int64", Timestamp),
            ("uint64_to_int64", Uint),
        ],
    );
    conversion(
        "string",
        String,
        to_string,
        &[
            ("string_to_string", String),
            ("bool_to_string", Bool),
            ("bytes_to_string", Bytes),
            ("double_to_string", Double),
            ("duration_to_string", Duration),
            ("int64_to_string", Int),
            ("timestamp_to_string", Timestamp),
            ("uint64_to_string", Uint),
        ],
    );
    conversion(
        "timestamp",
        Timestamp,
        to_timestamp,
        &[
            ("timestamp_to_timestamp", Timestamp),
            ("int64_to_timestamp", Int),
            ("string_to_timestamp", String),
        ],
    );
    conversion(
        "uint",
        Uint,
        to_uint,
        &[
            ("uint64_to_uint64", Uint),
            ("double_to_uint64", Double),
            ("int64_to_uint64", Int),
            ("string_to_uint64", String),
        ],
    );
}

fn to_bool<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Bool(truth)] => Ok(Value::Bool(*truth)),
        [Value::String(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => cannot_convert("string", "bool"),
        },
        _ => Err(no_such_overload()),
    }
}

fn to_bytes<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Bytes(bytes)] => Ok(Value::Bytes(bytes.clone())),
        [Value::String(text)] => Ok(Value::Bytes(text.as_bytes().into())),
        _ => Err(no_such_overload()),
    }
}

fn to_double<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Double(number)] => Ok(Value::Double(*number)),
        [Value::Int(number)] => Ok(Value::Double(*number as f64)),
        [Value::Uint(number)] => Ok(Value::Double(*number as f64)),
        [Value::String(text)] => match parse_double(text) {
            Some(number) => Ok(Value::Double(number)),
            None => cannot_convert("string", "double"),
        },
        _ => Err(no_such_overload()),
    }
}

/// A number as Go reads it: no blanks, and no number so large that it is infinite.
fn parse_double(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let spelled = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (!number.is_infinite() || spelled).then_some(number)
}

fn to_duration<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Duration(span)] => Ok(Value::Duration(*span)),
        // There is such a function, and no number that it takes.
        [Value::Int(_)] => cannot_convert("int", "google.protobuf.Duration"),
        [Value::String(text)] => match Duration::parse(text) {
            Ok(span) => Ok(Value::Duration(span)),
            Err(_) => cannot_convert("string", "google.protobuf.Duration"),
        },
        _ => Err(no_such_overload()),
    }
}

fn to_int<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Int(number)] => Ok(Value::Int(*number)),
        [Value::Uint(number)] => match i64::try_from(*number) {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => failed("integer overflow"),
        },
        [Value::Double(number)] => {
            // Both bounds are exact in floating point; the upper one is no `int` any more.
            if *number > -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_807.0 {
                return Ok(Value::Int(*number as i64));
            }
            failed("integer overflow")
        }
        [Value::Duration(span)] => Ok(Value::Int(span.as_nanos())),
        [Value::Timestamp(time)] => Ok(Value::Int(time.as_second())),
        [Value::String(text)] => match text.parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => cannot_convert("string", "int"),
        },
        _ => Err(no_such_overload()),
    }
}

fn to_uint<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Uint(number)] => Ok(Value::Uint(*number)),
        [Value::Int(number)] => match u64::try_from(*number) {
            Ok(number) => Ok(Value::Uint(number)),
            Err(_) => failed("unsigned integer overflow"),
        },
        [Value::Double(number)] => {
            if *number >= 0.0 && *number < 18_446_744_073_709_551_615.0 {
                return Ok(Value::Uint(*number as u64));
            }
            failed("unsigned integer overflow")
        }
        [Value::String(text)] => match text.parse() {
            Ok(number) if !text.starts_with('+') => Ok(Value::Uint(number)),
            _ => cannot_convert("string", "uint"),
        },
        _ => Err(no_such_overload()),
    }
}

fn to_string<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    Ok(match arguments {
        [Value::String(text)] => Value::String(text.clone()),
        [Value::Bool(truth)] => Value::text(truth.to_string()),
        [Value::Int(number)] => Value::text(number.to_string()),
        [Value::Uint(number)] => Value::text(number.to_string()),
        [Value::Double(number)] => Value::text(shown_double(*number)),
        [Value::Duration(span)] => Value::text(shown_duration(*span)),
        [Value::Timestamp(time)] => Value::text(time.to_string()),
        [Value::Bytes(bytes)] => match std::str::from_utf8(bytes) {
            Ok(text) => Value::text(text),
            Err(_) => return failed("invalid UTF-8 in bytes, cannot convert to string"),
        },
        _ => return Err(no_such_overload()),
    })
}

/// A number with as few digits as tell it from all others, very large and very small ones with an exponent.
pub(crate) fn shown_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return format!("{number}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

fn to_timestamp<'v>(arguments: &[Value<'v>]) -> Answer<'v> {
    match arguments {
        [Value::Timestamp(time)] => Ok(Value::Timestamp(*time)),
        [Value::Int(seconds)] => match Moment::from_second(*seconds) {
            Some(time) => Ok(Value::Timestamp(time)),
            None => failed("timestamp overflow"),
        },
        [Value::String(text)] => match Moment::parse(text) {
            Some(time) => Ok(Value::Timestamp(time)),
            None => cannot_convert("string", "google.protobuf.Timestamp"),
        },
        _ => Err(no_such_overload()),
    }
}
