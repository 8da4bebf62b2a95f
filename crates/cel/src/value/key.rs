//! Keys of maps. A whole number is found however it is written.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Value;
use crate::functions::conversion::shown_double;

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `true`, `false`
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// A `uint`.
    Uint(u64),
    /// A `double`.
    Double(Exact),
    /// `null`
    Null,
    /// A text.
    String(Box<str>),
}

impl Key {
    /// The key that a value is. None if such a value can be no key.
    pub fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Uint(number) => Self::Uint(*number),
            Value::Double(number) => Self::Double(Exact(*number + 0.0)),
            Value::Null => Self::Null,
            Value::String(text) => Self::String((&**text).into()),
            _ => return None,
        })
    }

    /// What a map has under the key. A number is looked for as it is, then as the same one of another type; what is kept under
    /// a `double` only a `double` finds.
    pub fn entry_in<'m, T>(&self, entries: &'m BTreeMap<Self, T>) -> Option<&'m T> {
        let others = match self {
            Self::Int(number) => [None, u64::try_from(*number).ok().map(Self::Uint)],
            Self::Uint(number) => [i64::try_from(*number).ok().map(Self::Int), None],
            Self::Double(Exact(number)) if number.fract() == 0.0 && number.abs() < 9.0e18 => [
                Some(Self::Int(*number as i64)),
                (*number >= 0.0).then_some(Self::Uint(*number as u64)),
            ],
            _ => [None, None],
        };
        let other = || others.iter().flatten().find_map(|other| entries.get(other));
        entries.get(self).or_else(other)
    }

    /// The value that the key is.
    pub fn value<'v>(&self) -> Value<'v> {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Uint(number) => Value::Uint(*number),
            Self::Double(Exact(number)) => Value::Double(*number),
            Self::Null => Value::Null,
            Self::String(text) => Value::text(&**text),
        }
    }

    /// As errors write it.
    pub fn shown(&self) -> String {
        match self {
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Uint(number) => number.to_string(),
            Self::Double(Exact(number)) => shown_double(*number),
            Self::Null => "null".to_owned(),
            Self::String(text) => text.to_string(),
        }
    }
}

/// A number that is equal to what it is written like.
#[derive(Clone, Copy, Debug)]
pub struct Exact(f64);

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
