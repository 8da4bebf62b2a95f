//! Values as Go's `fmt` prints them, which some messages show.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// As `%v` prints it: `map[a:1 b:[x y]]`.
pub(crate) fn printed(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text, &mut |scalar, text| match scalar {
        Value::Null => text.push_str("<nil>"),
        Value::Number(number) => text.push_str(&number_text(number)),
        Value::String(string) => text.push_str(string),
        other => text.push_str(&other.to_string()),
    });
    text
}

/// As `%s` prints it, which complains of what is no text: `%!s(int64=5)`.
pub(super) fn printed_as_text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text, &mut |scalar, text| {
        // Writing to a String cannot fail.
        let _ = match scalar {
            Value::Null => text.write_str("%!s(<nil>)"),
            Value::Bool(flag) => write!(text, "%!s(bool={flag})"),
            Value::Number(number) => write!(text, "%!s({}={})", type_name(scalar), number_text(number)),
            Value::String(string) => text.write_str(string),
            Value::Array(_) | Value::Object(_) => Ok(()),
        };
    });
    text
}

/// The type Go has for it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn write(value: &Value, text: &mut String, scalar: &mut impl FnMut(&Value, &mut String)) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(' ');
                }
                write(item, text, scalar);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push_str("map[");
            for (i, (key, field)) in fields.iter().enumerate() {
                if i > 0 {
                    text.push(' ');
                }
                text.push_str(key);
                text.push(':');
                write(field, text, scalar);
            }
            text.push(']');
        }
        other => scalar(other, text),
    }
}

/// Whole numbers plain; others in the shortest form, with an exponent if it is below -4 or above 20.
fn number_text(number: &Number) -> String {
    // What is no int64 is a float64 in Go.
    let float = match (number.as_i64(), number.as_f64()) {
        (None, Some(float)) => float,
        _ => return number.to_string(),
    };
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_print_as_in_go() {
        for (value, expected) in [
            (json!(null), "<nil>"),
            (
                json!({"b": [1, "x", null], "a": {"c": true}}),
                "map[a:map[c:true] b:[1 x <nil>]]",
            ),
            (json!(1.5), "1.5"),
            (json!(3.0), "3"),
            (json!(1e30), "1e+30"),
            (json!(0.00001), "1e-05"),
            (json!(123_456.5), "123456.5"),
            (json!(1_234_567.5), "1.2345675e+06"),
            (json!(1_234_567), "1234567"),
            (json!(u64::MAX), "1.8446744073709552e+19"),
        ] {
            assert_eq!(printed(&value), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_complained_of() {
        for (value, expected) in [
            (json!("explode"), "explode"),
            (json!(5), "%!s(int64=5)"),
            (json!(true), "%!s(bool=true)"),
            (json!(null), "%!s(<nil>)"),
            (json!({"a": 1.5}), "map[a:%!s(float64=1.5)]"),
        ] {
            assert_eq!(printed_as_text(&value), expected);
        }
    }
}
