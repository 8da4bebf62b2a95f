//! What a plain scalar means in YAML 1.1.

use serde_json::{Number, Value};

/// A plain scalar as null, boolean, number or text. None for a number that JSON has no form for.
pub(super) fn resolve(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => return None,
        _ if is_infinite(text) => return None,
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    })
}

/// What a plain scalar is to upstream's reader, by the end of its tag.
pub(super) fn tag_of(text: &str) -> &'static str {
    match resolve(text) {
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(_)) if integer(&text.replace('_', "")).is_some() => "int",
        None | Some(Value::Number(_)) => "float",
        Some(_) => "str",
    }
}

fn is_infinite(text: &str) -> bool {
    matches!(
        text.strip_prefix(['+', '-']).unwrap_or(text),
        ".inf" | ".Inf" | ".INF"
    )
}

/// Integers in every base Go knows, and floating-point numbers. Underscores may stand anywhere.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| {
        let float: f64 = is_float(&plain).then(|| plain.parse().ok())??;
        whole_of(float).or_else(|| Number::from_f64(float))
    })
}

/// A floating-point number without a fraction, which JSON does not tell from an integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number is whole and within the range"
)]
fn whole_of(float: f64) -> Option<Number> {
    const WITHIN: f64 = 9.0e18;
    let is_zero_below = float == 0.0 && float.is_sign_negative();
    (float.fract() == 0.0 && float.abs() < WITHIN && !is_zero_below).then(|| Number::from(float as i64))
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (base, digits) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The standard library would take a second sign.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if negative {
        0i64.checked_sub_unsigned(magnitude).map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    let exponent_is_number = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    has_digits && all_digits(whole) && all_digits(fraction) && exponent_is_number
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_what_yaml_1_1_says() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("y", json!(true)),
            ("Off", json!(false)),
            ("yEs", json!("yEs")),
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("+5", json!(5)),
            ("1_000", json!(1000)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("0o17", json!(15)),
            ("017", json!(15)),
            ("0", json!(0)),
            ("08", json!(8)),
            ("1.5", json!(1.5)),
            ("1.", json!(1)),
            (".5", json!(0.5)),
            ("1e3", json!(1000)),
            ("1e30", json!(1e30)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.2.3", json!("1.2.3")),
            (".", json!(".")),
            ("-", json!("-")),
            ("--5", json!("--5")),
            ("0x", json!("0x")),
            ("100m", json!("100m")),
            ("2020-01-01", json!("2020-01-01")),
            ("e3", json!("e3")),
        ] {
            assert_eq!(resolve(text), Some(value), "{text}");
        }
        for text in [".inf", "-.Inf", ".NaN"] {
            assert_eq!(resolve(text), None, "{text}");
        }
    }
}
