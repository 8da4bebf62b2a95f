//! JSON with its fields in the order of their declaration, as Go writes it.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use crate::reference::{SchemaRef, Shape};

/// A value that is written with its fields in the order of their declaration; fields the type does not have come last, by
/// name. Without a type every field comes by name.
#[derive(Clone, Copy, Debug)]
pub struct Ordered<'v> {
    value: &'v Value,
    schema: Option<SchemaRef<'static>>,
}

impl<'v> Ordered<'v> {
    /// A value of that type.
    pub fn new(value: &'v Value, schema: Option<SchemaRef<'static>>) -> Self {
        Self { value, schema }
    }

    fn element(self, value: &'v Value) -> Self {
        Self::new(value, self.schema.and_then(SchemaRef::element))
    }
}

/// The fields of an object in the order of their declaration, each with its type. Empty lists and maps that Go would leave
/// out are left out.
pub fn in_order<'v>(
    fields: &'v Map<String, Value>,
    schema: Option<SchemaRef<'static>>,
) -> impl Iterator<Item = (&'v String, Ordered<'v>)> {
    let placed =
        fields.iter().filter_map(
            |(name, value)| match schema.and_then(|schema| schema.declared(name)) {
                Some((_, schema)) if schema.leaves_out(value) => None,
                Some((place, schema)) => Some((place, name, Ordered::new(value, Some(schema)))),
                None => Some((usize::MAX, name, Ordered::new(value, None))),
            },
        );
    // An object has few of the fields that its type declares: to sort those is less than to look for all.
    let mut placed: Vec<_> = placed.collect();
    placed.sort_by_key(|(place, ..)| *place);
    placed.into_iter().map(|(_, name, value)| (name, value))
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.value, self.schema.map(SchemaRef::shape)) {
            (Value::Object(fields), Some(Shape::Object)) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in in_order(fields, self.schema) {
                    map.serialize_entry(name, &value)?;
                }
                map.end()
            }
            (Value::Object(fields), Some(Shape::Map)) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &self.element(value))?;
                }
                map.end()
            }
            (Value::Array(items), Some(Shape::List)) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&self.element(item))?;
                }
                list.end()
            }
            (value, _) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_come_as_they_are_declared() {
        let pod = json!({
            "spec": {
                "containers": [{"name": "c", "image": "i", "env": [{"value": "1", "name": "A"}]}],
                "nodeSelector": {"b": "2", "a": "1"}, "volumes": [], "securityContext": {}, "overhead": {}, "unheard": {"b": 1, "a": 2}, "hostPID": true,
            },
            "metadata": {"labels": {"l": "m"}, "name": "p"}, "apiVersion": "v1", "kind": "Pod",
        });
        let schema = crate::builtin(&GroupVersionKind::new("", "v1", "Pod"));
        assert_eq!(
            serde_json::to_string(&Ordered::new(&pod, schema)).expect("JSON"),
            concat!(
                r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"l":"m"}},"spec":{"#,
                r#""containers":[{"name":"c","image":"i","env":[{"name":"A","value":"1"}]}],"#,
                r#""nodeSelector":{"a":"1","b":"2"},"hostPID":true,"securityContext":{},"unheard":{"a":2,"b":1}}}"#
            )
        );
        assert_eq!(
            serde_json::to_string(&Ordered::new(&pod["spec"], None)).expect("JSON"),
            pod["spec"].to_string()
        );
    }
}
