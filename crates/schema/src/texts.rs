//! The texts of raw fields. Upstream keeps such a field as it was sent, spaces and order of keys included, and takes it for
//! another one if only these differ. Trees do not know of them; here they are found in JSON, and put back into it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::ordered::Ordered;
use crate::reference::SchemaRef;
use crate::table::{Kind, Type};

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Field(&'static str),
    Key(String),
    Index(usize),
}

/// Where a raw field is in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Vec<Step>);

impl Place {
    /// Whether it is in that field of the object, or below it.
    pub fn is_in(&self, field: &str) -> bool {
        matches!(self.0.first(), Some(Step::Field(first)) if *first == field)
    }

    /// What is there.
    pub fn find<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get(*name),
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(*index),
        })
    }

    /// The same, to be changed.
    pub fn find_mut<'v>(&self, object: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get_mut(*name),
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(*index),
        })
    }
}

/// The texts of raw fields that are written otherwise than a tree would write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<Place, String>);

impl Texts {
    /// Those of an object in JSON; `tree` is what was read of it. Costs a second reading: to be asked of types that have raw
    /// fields.
    pub fn of(json: &[u8], tree: &Value, schema: SchemaRef<'static>) -> Self {
        let mut found = Vec::new();
        if let Ok(json) = serde_json::from_slice::<&RawValue>(json) {
            collect(json, schema.kind(), &mut Vec::new(), &mut found);
        }
        let found = found.into_iter().filter_map(|(place, text)| {
            let value = place.find(tree)?;
            (written(value) != text).then(|| (place, text.to_owned()))
        });
        Self(found.collect())
    }

    /// Whether all is written as trees write it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places with their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.0.iter().map(|(place, text)| (place, text.as_str()))
    }

    /// The text at a place of `tree`; none if nothing is there.
    pub fn at<'a>(&'a self, place: &Place, tree: &Value) -> Option<Cow<'a, str>> {
        match self.0.get(place) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => place.find(tree).map(|value| Cow::Owned(written(value))),
        }
    }

    /// Notes the text of what is in `tree`, if the tree would write it otherwise.
    pub fn set(&mut self, place: &Place, text: &str, tree: &Value) {
        if place.find(tree).is_some_and(|value| written(value) != text) {
            self.0.insert(place.clone(), text.to_owned());
        }
    }

    /// An object in JSON, as its tree was written, with these texts in it.
    pub fn put_into(&self, json: &[u8], schema: SchemaRef<'static>) -> Vec<u8> {
        let mut found = Vec::new();
        if let Ok(json) = serde_json::from_slice::<&RawValue>(json) {
            collect(json, schema.kind(), &mut Vec::new(), &mut found);
        }
        let mut spans: Vec<(usize, usize, &str)> = found
            .into_iter()
            .filter_map(|(place, text)| {
                let start = text.as_ptr().addr() - json.as_ptr().addr();
                Some((start, start + text.len(), self.0.get(&place)?.as_str()))
            })
            .collect();
        spans.sort_unstable();
        let mut with = Vec::with_capacity(json.len() + 64);
        let mut end_before = 0;
        for (start, end, text) in spans {
            with.extend_from_slice(&json[end_before..start]);
            with.extend_from_slice(text.as_bytes());
            end_before = end;
        }
        with.extend_from_slice(&json[end_before..]);
        with
    }
}

/// JSON without the spaces between its parts.
pub fn compact(json: &str) -> String {
    let (mut in_text, mut is_escaped) = (false, false);
    let is_kept = |&c: &char| {
        let is_space = !in_text && matches!(c, ' ' | '\n' | '\r' | '\t');
        if c == '"' && !is_escaped {
            in_text = !in_text;
        }
        is_escaped = c == '\\' && !is_escaped;
        !is_space
    };
    json.chars().filter(is_kept).collect()
}

/// How a tree is written.
fn written(value: &Value) -> String {
    serde_json::to_string(&Ordered::new(value, None)).unwrap_or_default()
}

/// Whether objects of a type have raw fields.
pub fn has_raw_fields(schema: SchemaRef<'static>) -> bool {
    schema.custom().is_none() && leads_to_raw(schema.kind(), &mut Vec::new())
}

/// Whether a kind of value is a raw field, or has some in it. Types that were looked into lead nowhere else.
fn leads_to_raw(kind: Kind, seen: &mut Vec<&'static Type>) -> bool {
    match kind {
        Kind::RawExtension => true,
        Kind::List(of) | Kind::WrappedList(of) | Kind::Map(of) => leads_to_raw(*of, seen),
        Kind::Object(of) if !seen.iter().any(|seen| std::ptr::eq(*seen, of)) => {
            seen.push(of);
            of.fields.iter().any(|field| leads_to_raw(field.kind, seen))
        }
        _ => false,
    }
}

fn has_raw(kind: Kind) -> bool {
    leads_to_raw(kind, &mut Vec::new())
}

fn collect<'j>(json: &'j RawValue, kind: Kind, way: &mut Vec<Step>, found: &mut Vec<(Place, &'j str)>) {
    match kind {
        Kind::RawExtension => found.push((Place(way.clone()), json.get())),
        Kind::Object(of) => {
            let Ok(members) = serde_json::from_str::<Members<'_>>(json.get()) else {
                return;
            };
            for (name, member) in members {
                let Some(field) = of.position(&name).map(|at| &of.fields[at]) else {
                    continue;
                };
                if has_raw(field.kind) {
                    step(Step::Field(field.name), member, field.kind, way, found);
                }
            }
        }
        Kind::Map(of) if has_raw(*of) => {
            let Ok(members) = serde_json::from_str::<Members<'_>>(json.get()) else {
                return;
            };
            for (key, member) in members {
                step(Step::Key(key.into_owned()), member, *of, way, found);
            }
        }
        Kind::List(of) | Kind::WrappedList(of) if has_raw(*of) => {
            let items: Vec<&RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
            for (index, item) in items.into_iter().enumerate() {
                step(Step::Index(index), item, *of, way, found);
            }
        }
        _ => {}
    }
}

/// The members of an object; of two with one name the last.
type Members<'j> = BTreeMap<Cow<'j, str>, &'j RawValue>;

fn step<'j>(
    step: Step,
    json: &'j RawValue,
    kind: Kind,
    way: &mut Vec<Step>,
    found: &mut Vec<(Place, &'j str)>,
) {
    way.push(step);
    collect(json, kind, way, found);
    way.pop();
}

#[cfg(test)]
mod tests {
    use meta::GroupVersionKind;

    use super::*;
    use crate::decode::{FieldValidation, decode_json};

    fn schema_of(group: &'static str, kind: &'static str) -> SchemaRef<'static> {
        crate::builtin(&GroupVersionKind::new(group, "v1", kind)).expect("a built-in kind")
    }

    fn texts(json: &str, schema: SchemaRef<'static>) -> (Texts, Value) {
        let (tree, _) = decode_json(json.as_bytes(), schema, FieldValidation::Ignore).expect("decodes");
        (Texts::of(json.as_bytes(), &tree, schema), tree)
    }

    #[test]
    fn types_with_raw_fields_are_known() {
        for (group, kind, expected) in [
            ("apps", "ControllerRevision", true),
            ("resource.k8s.io", "DeviceClass", true),
            ("resource.k8s.io", "ResourceClaim", true),
            ("", "Pod", false),
            ("", "ConfigMap", false),
            ("apiextensions.k8s.io", "CustomResourceDefinition", false),
        ] {
            assert_eq!(has_raw_fields(schema_of(group, kind)), expected, "{kind}");
        }
    }

    #[test]
    fn texts_are_found_and_put_back() {
        let schema = schema_of("apps", "ControllerRevision");
        for (sent, found) in [
            (r#"{"data": {"a":1}}"#, vec![]),
            (r#"{"data": {"a": 1}}"#, vec![r#"{"a": 1}"#]),
            (r#"{"data":{"b":1,"a":2}}"#, vec![r#"{"b":1,"a":2}"#]),
            (r#"{"data":{}, "metadata": {"name": "n"}}"#, vec![]),
            (r#"{}"#, vec![]),
        ] {
            let (texts, tree) = texts(sent, schema);
            assert_eq!(
                texts.iter().map(|(_, text)| text).collect::<Vec<_>>(),
                found,
                "{sent}"
            );
            let written = tree.to_string();
            let with = texts.put_into(written.as_bytes(), schema);
            let read: Value = serde_json::from_slice(&with).expect("JSON");
            assert_eq!(read, tree);
            let again = Texts::of(&with, &tree, schema);
            assert_eq!(again, texts, "{sent}");
        }
    }

    #[test]
    fn raw_fields_in_lists_are_found() {
        let schema = schema_of("resource.k8s.io", "DeviceClass");
        let sent = r#"{"spec":{"config":[{"opaque":{"driver":"d","parameters":{"a":1}}},{"opaque":{"driver":"d","parameters":{"a": 1}}}]}}"#;
        let (texts, tree) = texts(sent, schema);
        let places: Vec<&Place> = texts.iter().map(|(place, _)| place).collect();
        assert_eq!(places.len(), 1);
        assert!(places[0].is_in("spec") && !places[0].is_in("status"));
        assert_eq!(
            places[0].find(&tree),
            tree.pointer("/spec/config/1/opaque/parameters")
        );
    }

    #[test]
    fn spaces_go_but_those_in_texts() {
        assert_eq!(
            compact("{ \"a b\" : [ 1,\n\t\"\\\" x\" ] }"),
            r#"{"a b":[1,"\" x"]}"#
        );
    }
}
