//! Which version of which object some JSON is, without reading all of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// What is looked for.
#[derive(Default)]
struct Found {
    uid: Option<String>,
    version: Option<String>,
}

impl Found {
    fn is_all(&self) -> bool {
        self.uid.is_some() && self.version.is_some()
    }
}

/// UID and resource version of an object. Servers write the metadata first, so that little is read: reading ends, as if it had
/// failed, once both are known.
pub(super) fn of(json: &str) -> Option<(String, String)> {
    let mut found = Found::default();
    let _ = Object(&mut found).deserialize(&mut serde_json::Deserializer::from_str(json));
    Some((found.uid?, found.version?))
}

struct Object<'a>(&'a mut Found);
struct Metadata<'a>(&'a mut Found);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            if key == "metadata" {
                return map.next_value_seed(Metadata(self.0));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "uid" => self.0.uid = Some(map.next_value()?),
                "resourceVersion" => self.0.version = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if self.0.is_all() {
                return Err(A::Error::custom("enough is known"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_where_enough_is_known() {
        let check = |json: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(uid, version)| (uid.to_owned(), version.to_owned()));
            assert_eq!(of(json), expected, "{json}");
        };
        check(
            r#"{"kind":"Pod","metadata":{"labels":{"uid":"x"},"uid":"u","resourceVersion":"5","#,
            Some(("u", "5")),
        );
        check(
            r#"{"spec":{},"metadata":{"resourceVersion":"5","uid":"u"}}"#,
            Some(("u", "5")),
        );
        check(r#"{"metadata":{"uid":"u"},"spec":{}}"#, None);
        check(r#"{"metadata":{"uid":5,"resourceVersion":"5"}}"#, None);
        check("[]", None);
        check("", None);
    }
}
