//! A number or a text, most often a count or a percentage of something.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quote::quote;

/// A 32-bit number or a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// Text, such as `25%` or the name of a port.
    String(String),
}

/// Which way a fraction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next whole number.
    Up,
    /// Cut off.
    Down,
}

/// Why a value is neither a count nor a percentage, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// Text without a percent sign.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotPercentage,
    /// Not a number before the percent sign.
    #[error(
        "invalid value for IntOrString: invalid value {}: strconv.Atoi: parsing {}: {why}",
        quote(text),
        quote(number)
    )]
    NotNumber {
        /// The whole text.
        text: String,
        /// What should be a number.
        number: String,
        /// Go's reason.
        why: &'static str,
    },
}

impl IntOrString {
    /// From JSON; none if it is neither.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64().and_then(|n| i32::try_from(n).ok()).map(Self::Int),
            Value::String(text) => Some(Self::String(text.clone())),
            _ => None,
        }
    }

    /// The number as it is, or the percentage of `total`.
    ///
    /// # Errors
    /// If it is text, but no percentage.
    pub fn scaled_value(&self, total: i32, rounding: Rounding) -> Result<i32, ScaleError> {
        let percent = match self {
            Self::Int(number) => return Ok(*number),
            Self::String(text) => percentage(text)?,
        };
        let hundredfold = percent.saturating_mul(i64::from(total));
        let value = match rounding {
            Rounding::Up => hundredfold.div_euclid(100) + i64::from(hundredfold.rem_euclid(100) != 0),
            Rounding::Down => hundredfold.div_euclid(100),
        };
        Ok(i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX }))
    }

    /// The number, or zero for text that is none.
    pub fn int_value(&self) -> i32 {
        match self {
            Self::Int(number) => *number,
            Self::String(text) => text.parse().unwrap_or(0),
        }
    }
}

/// The number before the percent sign.
fn percentage(text: &str) -> Result<i64, ScaleError> {
    let number = text.strip_suffix('%').ok_or(ScaleError::NotPercentage)?;
    number.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        ScaleError::NotNumber {
            text: text.to_owned(),
            number: number.to_owned(),
            why: match error.kind() {
                PosOverflow | NegOverflow => "value out of range",
                _ => "invalid syntax",
            },
        }
    })
}

impl From<i32> for IntOrString {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<IntOrString> for Value {
    fn from(value: IntOrString) -> Self {
        match value {
            IntOrString::Int(number) => number.into(),
            IntOrString::String(text) => text.into(),
        }
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::String(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_scaled() {
        for (value, total, up, down) in [
            (IntOrString::from(3), 10, 3, 3),
            ("25%".into(), 10, 3, 2),
            ("50%".into(), 10, 5, 5),
            ("0%".into(), 10, 0, 0),
            ("100%".into(), 7, 7, 7),
            ("-10%".into(), 5, 0, -1),
        ] {
            assert_eq!(
                value.scaled_value(total, Rounding::Up),
                Ok(up),
                "{value} of {total}"
            );
            assert_eq!(
                value.scaled_value(total, Rounding::Down),
                Ok(down),
                "{value} of {total}"
            );
        }
    }

    #[test]
    fn other_texts_are_errors() {
        let message = |text: &str| {
            IntOrString::from(text)
                .scaled_value(1, Rounding::Up)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message("5"),
            "invalid value for IntOrString: invalid type: string is not a percentage"
        );
        assert_eq!(
            message("a%"),
            "invalid value for IntOrString: invalid value \"a%\": strconv.Atoi: parsing \"a\": invalid syntax"
        );
    }

    #[test]
    fn json_is_a_number_or_text() {
        for json in ["5", "\"5%\""] {
            let value: IntOrString = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
        assert!(serde_json::from_str::<IntOrString>("3000000000").is_err());
    }
}
