//! An object while it is patched: taken apart only where a patch reaches.

use std::collections::BTreeMap;

use schema::SchemaRef;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A JSON value that remembers where it was taken apart.
///
/// Messages show a patched object in upstream's order of fields: alphabetical where the patch took an object apart, the
/// type's own elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    /// Untouched.
    Whole(Value),
    /// Untouched, and as it was written: for messages, which show numbers and the order of fields so.
    Written(Text),
    /// An object taken apart.
    Object(BTreeMap<String, Document>),
    /// A list taken apart.
    List(Vec<Document>),
}

/// A JSON value as text.
#[derive(Clone, Debug)]
pub(crate) struct Text(Box<RawValue>);

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Document {
    /// A JSON text; none if it is none.
    pub fn written(json: &[u8]) -> Option<Self> {
        let text: &RawValue = serde_json::from_slice(json).ok()?;
        Some(Self::Written(Text(text.to_owned())))
    }

    /// The members of an object as they were written.
    pub fn written_members(json: &[u8]) -> Option<BTreeMap<String, Self>> {
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(json).ok()?;
        let written = |(name, text)| (name, Self::Written(Text(text)));
        Some(members.into_iter().map(written).collect())
    }

    /// The items of a list as they were written.
    pub fn written_items(json: &[u8]) -> Option<Vec<Self>> {
        let items: Vec<Box<RawValue>> = serde_json::from_slice(json).ok()?;
        Some(items.into_iter().map(|text| Self::Written(Text(text))).collect())
    }

    /// The text, if it is untouched.
    pub fn as_written(&self) -> Option<&str> {
        match self {
            Self::Written(text) => Some(text.0.get()),
            _ => None,
        }
    }

    /// The value.
    pub fn into_value(self) -> Value {
        match self {
            Self::Whole(value) => value,
            Self::Written(text) => serde_json::from_str(text.0.get()).unwrap_or_default(),
            Self::Object(fields) => fields
                .into_iter()
                .map(|(name, field)| (name, field.into_value()))
                .collect::<Map<_, _>>()
                .into(),
            Self::List(items) => items.into_iter().map(Self::into_value).collect::<Vec<_>>().into(),
        }
    }

    /// The object's fields, taken apart if they were not yet.
    pub(crate) fn as_object_mut(&mut self) -> Option<&mut BTreeMap<String, Document>> {
        if let Self::Whole(Value::Object(fields)) = self {
            let fields = std::mem::take(fields);
            *self = Self::Object(fields.into_iter().map(|(k, v)| (k, Self::Whole(v))).collect());
        }
        if let Some(fields) = self
            .as_written()
            .and_then(|text| Self::written_members(text.as_bytes()))
        {
            *self = Self::Object(fields);
        }
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The list's items, taken apart if they were not yet.
    pub(crate) fn as_list_mut(&mut self) -> Option<&mut Vec<Document>> {
        if let Self::Whole(Value::Array(items)) = self {
            let items = std::mem::take(items);
            *self = Self::List(items.into_iter().map(Self::Whole).collect());
        }
        if let Some(items) = self
            .as_written()
            .and_then(|text| Self::written_items(text.as_bytes()))
        {
            *self = Self::List(items);
        }
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it has that value.
    pub(crate) fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Whole(own), value) => own == value,
            (Self::Written(_), value) => self.clone().into_value() == *value,
            (Self::Object(own), Value::Object(fields)) => {
                own.len() == fields.len()
                    && own
                        .iter()
                        .all(|(name, field)| fields.get(name).is_some_and(|value| field.equals(value)))
            }
            (Self::List(own), Value::Array(items)) => {
                own.len() == items.len() && own.iter().zip(items).all(|(own, item)| own.equals(item))
            }
            _ => false,
        }
    }

    /// The JSON text upstream would have of it. Without a schema, as for custom resources, every object is in the order of
    /// the alphabet.
    pub fn to_text(&self, schema: Option<SchemaRef<'_>>) -> String {
        let mut text = String::new();
        self.write(schema, &mut text);
        text
    }

    fn write(&self, schema: Option<SchemaRef<'_>>, text: &mut String) {
        match self {
            Self::Whole(value) => write_value(value, schema, text),
            Self::Written(written) => write_compact(written.0.get(), text),
            Self::Object(fields) => write_list(text, '{', '}', fields, |(name, field), text| {
                write_string(name, text);
                text.push(':');
                field.write(schema.and_then(|schema| below(schema, name)), text);
            }),
            Self::List(items) => {
                let element = schema.and_then(SchemaRef::element);
                write_list(text, '[', ']', items, |item, text| item.write(element, text));
            }
        }
    }
}

fn below<'a>(schema: SchemaRef<'a>, name: &str) -> Option<SchemaRef<'a>> {
    schema.field(name).or_else(|| schema.element())
}

fn write_value(value: &Value, schema: Option<SchemaRef<'_>>, text: &mut String) {
    match value {
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            let element = schema.and_then(SchemaRef::element);
            write_list(text, '[', ']', items, |item, text| {
                write_value(item, element, text)
            });
        }
        Value::Object(fields) => {
            let declared = schema.into_iter().flat_map(SchemaRef::fields);
            let known: Vec<_> = declared
                .filter_map(|(name, schema)| {
                    fields
                        .get_key_value(name)
                        .map(|(name, value)| (name, value, Some(schema)))
                })
                .collect();
            let is_known = |name: &String| known.iter().any(|(known, ..)| *known == name);
            let element = schema.and_then(SchemaRef::element);
            let others: Vec<_> = fields
                .iter()
                .filter(|(name, _)| !is_known(name))
                .map(|(name, value)| (name, value, element))
                .collect();
            write_list(
                text,
                '{',
                '}',
                known.into_iter().chain(others),
                |(name, value, schema), text| {
                    write_string(name, text);
                    text.push(':');
                    write_value(value, schema, text);
                },
            );
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn write_list<T>(
    text: &mut String,
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
) {
    text.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
}

/// JSON without its spaces.
fn write_compact(json: &str, text: &mut String) {
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if !in_string && c.is_ascii_whitespace() {
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        write_char(c, text);
    }
}

fn write_string(string: &str, text: &mut String) {
    for c in serde_json::Value::from(string).to_string().chars() {
        write_char(c, text);
    }
}

/// As Go writes it: what could be read as HTML is escaped as well.
fn write_char(c: char, text: &mut String) {
    match c {
        '<' => text.push_str("\\u003c"),
        '>' => text.push_str("\\u003e"),
        '&' => text.push_str("\\u0026"),
        '\u{2028}' => text.push_str("\\u2028"),
        '\u{2029}' => text.push_str("\\u2029"),
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_is_in_upstreams_order() {
        let schema = schema::builtin(&meta::GroupVersionKind::new("", "v1", "ConfigMap"));
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "<&>", "a": "1"},
            "metadata": {"name": "n", "labels": {"x": "y"}, "uid": "u"},
        });
        let mut document = Document::Whole(object);
        assert_eq!(
            document.to_text(schema),
            r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","uid":"u","labels":{"x":"y"}},"data":{"a":"1","b":"\u003c\u0026\u003e"}}"#
        );
        document.as_object_mut().unwrap();
        assert_eq!(
            document.to_text(schema),
            r#"{"apiVersion":"v1","data":{"a":"1","b":"\u003c\u0026\u003e"},"kind":"ConfigMap","metadata":{"name":"n","uid":"u","labels":{"x":"y"}}}"#
        );
    }
    #[test]
    fn what_was_written_is_shown_so() {
        let mut document =
            Document::written(br#"{"b": {"z": 3e0, "a": "< \" >"}, "a": [ 1, {"y":1, "x":2} ]}"#).unwrap();
        assert_eq!(
            document.to_text(None),
            r#"{"b":{"z":3e0,"a":"\u003c \" \u003e"},"a":[1,{"y":1,"x":2}]}"#
        );
        document.as_object_mut().unwrap();
        assert_eq!(
            document.to_text(None),
            r#"{"a":[1,{"y":1,"x":2}],"b":{"z":3e0,"a":"\u003c \" \u003e"}}"#
        );
        assert!(document.equals(&json!({"b": {"z": 3.0, "a": "< \" >"}, "a": [1, {"x": 2, "y": 1}]})));
    }
}
