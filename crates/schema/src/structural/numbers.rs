//! Numbers as Go holds and writes them.

use serde_json::{Number, Value};

/// From here on not every whole number is a floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a floating-point number is one that JSON knows as whole.
pub(super) fn is_whole(number: f64) -> bool {
    number.is_finite() && number.fract() == 0.0
}

/// Whether upstream's validator takes a floating-point number for a whole one: it may be a little too large.
pub(super) fn is_json_integer(number: f64) -> bool {
    if !number.is_finite() || number.abs() >= EXACT {
        return false;
    }
    let whole = number.trunc();
    let difference = (number - whole).abs();
    difference == 0.0 || difference / (number.abs() + whole.abs()) < 1e-9
}

/// Whole numbers that were written with a fraction (`3.0`) lose it, as they do when Go writes what it has read. To be done
/// last before an object is stored: until then the difference shows in errors.
pub fn settle_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle_numbers),
        Value::Object(fields) => fields.values_mut().for_each(settle_numbers),
        _ => {}
    }
}

/// A value as messages print it.
pub(super) fn shown(value: &Value) -> Value {
    let mut shown = value.clone();
    settle_numbers(&mut shown);
    shown
}

#[allow(clippy::cast_possible_truncation)]
fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (is_whole(float) && float.abs() < EXACT).then(|| Number::from(float as i64))
}

/// A floating-point number as Go prints it (`%v`).
pub(super) fn go_text(number: f64) -> String {
    let exponent = if number == 0.0 {
        0.0
    } else {
        number.abs().log10().floor()
    };
    if (-4.0..21.0).contains(&exponent) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}e{sign}{power:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
        ] {
            assert_eq!(go_text(number), text);
        }
    }

    #[test]
    fn whole_numbers_lose_their_fraction() {
        let mut value = json!({"a": [3.0, 3.5, 4], "b": 1e300});
        settle_numbers(&mut value);
        assert_eq!(
            value.to_string(),
            json!({"a": [3, 3.5, 4], "b": 1e300}).to_string()
        );
    }
}
