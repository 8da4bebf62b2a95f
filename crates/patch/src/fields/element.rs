//! One step on the way to a field: a name, or what tells an item of a list apart.

use std::fmt;

use serde_json::{Map, Value};

/// A step, in the form it has in `FieldsV1`: `f:spec`, `k:{"name":"a"}`, `v:"a"`, `i:0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element(String);

/// A text that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is no path element", meta::quote(.0))]
pub struct ElementError(String);

impl Element {
    /// A field of an object, or a key of a map.
    pub fn field(name: &str) -> Self {
        let mut text = String::with_capacity(name.len() + 2);
        text.push_str("f:");
        text.push_str(name);
        Self(text)
    }

    /// An item of a list that is told apart by keys: names and values, sorted by name.
    pub fn key<'a>(keys: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut text = String::from("k:{");
        for (i, (name, value)) in keys.into_iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            text.push('"');
            text.push_str(name);
            text.push_str("\":");
            push_json(&mut text, value);
        }
        text.push('}');
        Self(text)
    }

    /// A member of a set of scalars.
    pub fn value(value: &Value) -> Self {
        let mut text = String::from("v:");
        push_json(&mut text, value);
        Self(text)
    }

    /// Reads the form of `FieldsV1`.
    ///
    /// # Errors
    /// If the text has not that form.
    pub fn parse(text: &str) -> Result<Self, ElementError> {
        let invalid = || ElementError(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(invalid)?;
        match kind {
            "f" => Ok(Self(text.to_owned())),
            "i" => rest
                .parse::<i64>()
                .map(|index| Self(format!("i:{index}")))
                .map_err(|_| invalid()),
            "v" => serde_json::from_str(rest)
                .map(|value| Self::value(&value))
                .map_err(|_| invalid()),
            "k" => {
                let keys: Map<String, Value> = serde_json::from_str(rest).map_err(|_| invalid())?;
                Ok(Self::key(keys.iter().map(|(name, value)| (name.as_str(), value))))
            }
            _ => Err(invalid()),
        }
    }

    /// Whether a text says that it is a step, but of a kind that is not known.
    pub(crate) fn is_of_other_kind(text: &str) -> bool {
        matches!(text.as_bytes(), [kind, b':', ..] if !b"fivk".contains(kind))
    }

    /// The form of `FieldsV1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, if this is a field of an object.
    pub fn as_field(&self) -> Option<&str> {
        self.0.strip_prefix("f:")
    }

    /// Whether this is an item told apart by keys.
    pub(crate) fn is_key(&self) -> bool {
        self.0.starts_with("k:")
    }

    /// Takes the element out of its place, which it leaves empty.
    pub(crate) fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Whether a number with a fraction has none.
fn is_whole(number: &serde_json::Number) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|_| number.is_f64());
    float.is_some_and(|float| float.fract() == 0.0 && float.abs() < EXACT)
}

fn push_json(text: &mut String, value: &Value) {
    use fmt::Write as _;
    match value {
        // Most keys are plain names, for which the general way would be the greater part of making an element.
        Value::String(name)
            if name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./: ".contains(&b)) =>
        {
            text.push('"');
            text.push_str(name);
            text.push('"');
        }
        // A whole number is written without a fraction.
        #[allow(clippy::cast_possible_truncation)]
        Value::Number(number) if is_whole(number) => {
            let whole = number.as_f64().unwrap_or_default() as i64;
            text.push_str(&whole.to_string());
        }
        // Writing to a String cannot fail.
        value => drop(write!(text, "{value}")),
    }
}

/// As messages have it: `.spec`, `[name="a"]`, `[="a"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, rest) = self.0.split_at(2);
        match kind {
            "f:" => write!(f, ".{rest}"),
            "v:" => match serde_json::from_str::<Value>(rest) {
                Ok(value) => write!(f, "[={}]", shown(&value)),
                Err(_) => write!(f, "[={rest}]"),
            },
            "k:" => {
                let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
                f.write_str("[")?;
                for (i, (name, value)) in keys.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={}", shown(value))?;
                }
                f.write_str("]")
            }
            _ => write!(f, "[{rest}]"),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => meta::quote(text),
        // A key cannot be an object; the message says what it would be all the same.
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| format!("{name}={}", shown(field)))
            .collect(),
        other => other.to_string(),
    }
}
