//! JSON text of a patch, and the keys it has twice.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A text that was read.
pub(crate) struct Text {
    pub value: Value,
    /// Paths of fields that stand there more than once (the last counts): `data.k`, `[0].op`.
    pub duplicates: Vec<String>,
}

/// Reads JSON.
///
/// # Errors
/// Go's message, if it is none.
pub(crate) fn read(text: &[u8]) -> Result<Text, String> {
    let duplicates = RefCell::new(Vec::new());
    let root = Place {
        path: String::new(),
        duplicates: &duplicates,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = root.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    let value = value.map_err(|error| schema::syntax::fault(text).unwrap_or_else(|| error.to_string()))?;
    Ok(Text {
        value,
        duplicates: duplicates.into_inner(),
    })
}

/// Where a value stands.
struct Place<'a> {
    path: String,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let place = Place {
                path: format!("{}[{}]", self.path, items.len()),
                duplicates: self.duplicates,
            };
            match list.next_element_seed(place)? {
                Some(item) => items.push(item),
                None => return Ok(items.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() {
                key.clone()
            } else {
                format!("{}.{key}", self.path)
            };
            if fields.contains_key(&key) && !self.duplicates.borrow().contains(&path) {
                self.duplicates.borrow_mut().push(path.clone());
            }
            let place = Place {
                path,
                duplicates: self.duplicates,
            };
            let value = map.next_value_seed(place)?;
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn duplicates_are_found() {
        let text = read(br#"{"a":{"k":1,"k":2,"k":3},"l":[{"x":1,"x":2}],"a":{"k":4}}"#).unwrap();
        assert_eq!(text.value, json!({"a": {"k": 4}, "l": [{"x": 2}]}));
        assert_eq!(text.duplicates, ["a.k", "l[0].x", "a"]);
    }

    #[test]
    fn errors_are_gos() {
        for (text, message) in [
            ("", "unexpected end of JSON input"),
            ("[{\"op\"", "unexpected end of JSON input"),
            (
                "data:\n  k: v",
                "invalid character 'd' looking for beginning of value",
            ),
            ("- op: add", "invalid character ' ' in numeric literal"),
            ("[] x", "invalid character 'x' after top-level value"),
        ] {
            assert_eq!(read(text.as_bytes()).err().as_deref(), Some(message), "{text}");
        }
    }
}
