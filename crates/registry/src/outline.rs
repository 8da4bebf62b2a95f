//! An object without its bulk: what selectable fields are read from when thousands of objects are loaded at once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The object in JSON without its metadata; lists in it are null.
pub(crate) fn outline(json: &[u8]) -> Result<Value, serde_json::Error> {
    let Outer(object) = serde_json::from_slice(json)?;
    Ok(Value::Object(object))
}

/// The object itself.
struct Outer(Map<String, Value>);

/// Anything in it.
struct Inner(Value);

impl<'de> Deserialize<'de> for Outer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Outer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Outer, A::Error> {
                let mut object = Map::new();
                while let Some(name) = members.next_key::<String>()? {
                    if name == "metadata" {
                        members.next_value::<IgnoredAny>()?;
                    } else {
                        let Inner(value) = members.next_value()?;
                        object.insert(name, value);
                    }
                }
                Ok(Outer(object))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Inner;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Inner, E> {
                Ok(Inner(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Inner, E> {
                Ok(Inner(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Inner, E> {
                Ok(Inner(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Inner, E> {
                Ok(Inner(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Inner, E> {
                Ok(Inner(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Inner, E> {
                Ok(Inner(Value::Null))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Inner, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Inner(Value::Null))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Inner, A::Error> {
                let mut object = Map::new();
                while let Some(name) = members.next_key()? {
                    let Inner(value) = members.next_value()?;
                    object.insert(name, value);
                }
                Ok(Inner(Value::Object(object)))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_bulk_is_left_out() {
        let object = json!({
            "kind": "Pod", "metadata": {"name": "p", "managedFields": [1]},
            "spec": {"nodeName": "n\n", "containers": [{"name": "c"}], "n": {"i": -1, "f": 0.5, "b": true, "z": null}},
        });
        let expected = json!({
            "kind": "Pod",
            "spec": {"nodeName": "n\n", "containers": null, "n": {"i": -1, "f": 0.5, "b": true, "z": null}},
        });
        assert_eq!(outline(object.to_string().as_bytes()).unwrap(), expected);
        assert!(outline(b"[]").is_err());
    }
}
