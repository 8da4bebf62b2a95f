//! Keys of maps. A whole number is the same key however it is written.

use super::Value;

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `true`, `false`
    Bool(bool),
    /// A whole number that an `int` can hold.
    Int(i64),
    /// A whole number that only a `uint` can hold, or one that was written as such.
    Uint(u64),
    /// A text.
    String(Box<str>),
}

impl Key {
    /// The key that a value is. None if such a value can be no key.
    pub fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Uint(number) => i64::try_from(*number).map_or(Self::Uint(*number), Self::Int),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 9.0e18 => {
                Self::Int(*number as i64)
            }
            Value::String(text) => Self::String((&**text).into()),
            _ => return None,
        })
    }

    /// The value that the key is.
    pub fn value<'v>(&self) -> Value<'v> {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Uint(number) => Value::Uint(*number),
            Self::String(text) => Value::text(&**text),
        }
    }

    /// As errors write it.
    pub fn shown(&self) -> String {
        match self {
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Uint(number) => number.to_string(),
            Self::String(text) => text.to_string(),
        }
    }
}
