//! What is known of an object without parsing it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use meta::object::{metadata, name, namespace, uid};
use resource::Kind;
use serde::Deserialize;
use serde_json::Value;

use crate::outline::outline;

/// The names of selectable fields, and their values in an object.
type Fields = (&'static [&'static str], Vec<(&'static str, String)>);

/// Name, identity, labels and selectable fields of an object. There is one for every object of the cluster, so all texts stand
/// in one piece of memory.
#[derive(Debug)]
pub(crate) struct Index {
    /// The key (`namespace/name`, or the name alone), the UID, keys and values of labels sorted by key, values of fields.
    texts: Box<str>,
    /// Where each of them ends.
    ends: Box<[u32]>,
    /// Where the name begins in the key.
    name_at: u32,
    labels: u32,
    field_names: &'static [&'static str],
}

/// Where texts stand in an [`Index`].
const KEY: usize = 0;
const UID: usize = 1;
const LABELS: usize = 2;

/// What of an object's metadata an index needs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    /// Empty in what we store.
    #[serde(borrow)]
    pub(crate) resource_version: Cow<'a, str>,
    #[serde(borrow)]
    labels: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
}

impl Index {
    /// The index of a parsed object of some kind; of no kind, it has no selectable fields.
    pub(crate) fn of_tree(tree: &Value, kind: Option<&dyn Kind>) -> Self {
        let labels = metadata(tree).and_then(|metadata| metadata.get("labels"));
        let labels = labels.and_then(Value::as_object).into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.as_str(), value.as_str().unwrap_or("")));
        let fields = kind.map(|kind| (kind.selectable_field_names(), kind.selectable_fields(tree)));
        Self::new(
            (namespace(tree), name(tree)),
            uid(tree),
            labels,
            fields.unwrap_or_default(),
        )
    }

    /// The index of an object in the store, which is looked into only if its kind has selectable fields.
    pub(crate) fn of_stored(head: Head<'_>, kind: &dyn Kind, json: &[u8]) -> Result<Self, serde_json::Error> {
        let names = kind.selectable_field_names();
        let values = if names.is_empty() {
            Vec::new()
        } else {
            kind.selectable_fields(&outline(json)?)
        };
        let labels = head.labels.iter().flatten();
        let labels = labels.map(|(key, value)| (&**key, &**value));
        Ok(Self::new(
            (&head.namespace, &head.name),
            &head.uid,
            labels,
            (names, values),
        ))
    }

    fn new<'a>(
        (namespace, name): (&str, &str),
        uid: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        (field_names, values): Fields,
    ) -> Self {
        let mut texts = key(namespace, name).into_string();
        let name_at = texts.len() - name.len();
        let mut ends = vec![texts.len()];
        let mut push = |text: &str| {
            texts.push_str(text);
            ends.push(texts.len());
        };
        push(uid);
        let mut count = 0;
        for (key, value) in labels {
            push(key);
            push(value);
            count += 1;
        }
        for name in field_names {
            let value = values.iter().find(|(field, _)| field == name);
            push(value.map_or("", |(_, value)| value));
        }
        // An object is a few megabytes at most.
        let small = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            ends: ends.into_iter().map(small).collect(),
            texts: texts.into(),
            name_at: small(name_at),
            labels: count,
            field_names,
        }
    }

    fn text(&self, at: usize) -> &str {
        let place = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, place);
        self.texts.get(start..place(at)).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &str {
        self.text(KEY)
    }

    pub(crate) fn name(&self) -> &str {
        &self.key()[self.name_at as usize..]
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.key()[..(self.name_at as usize).saturating_sub(1)]
    }

    pub(crate) fn uid(&self) -> &str {
        self.text(UID)
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.labels as usize).map(|label| self.label_at(label))
    }

    fn label_at(&self, label: usize) -> (&str, &str) {
        let at = LABELS + 2 * label;
        (self.text(at), self.text(at + 1))
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let first = LABELS + 2 * self.labels as usize;
        let names = self.field_names.iter().enumerate();
        names.map(move |(field, name)| (*name, self.text(first + field)))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }
}

/// `namespace/name`, or the name alone: the end of an object's key in the store.
pub(crate) fn key(namespace: &str, name: &str) -> Box<str> {
    if namespace.is_empty() {
        name.into()
    } else {
        [namespace, "/", name].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_is_found_again() {
        let index = Index::new(
            ("ns", "name"),
            "uid",
            [("a", "1"), ("b", "")].into_iter(),
            (&["x", "y"], vec![("y", String::from("why"))]),
        );
        assert_eq!(
            (index.key(), index.namespace(), index.name()),
            ("ns/name", "ns", "name")
        );
        assert_eq!(index.uid(), "uid");
        assert_eq!(index.labels().collect::<Vec<_>>(), [("a", "1"), ("b", "")]);
        assert_eq!((index.label("b"), index.label("c")), (Some(""), None));
        assert_eq!(index.fields().collect::<Vec<_>>(), [("x", ""), ("y", "why")]);
        assert_eq!((index.field("y"), index.field("z")), (Some("why"), None));
        let bare = Index::of_tree(&json!({"metadata": {"name": "n"}}), None);
        assert_eq!(
            (bare.key(), bare.namespace(), bare.name(), bare.uid()),
            ("n", "", "n", "")
        );
    }
}
