//! What is known of an object without parsing it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use resource::Kind;
use serde::Deserialize;
use serde_json::Value;

use crate::outline::outline;

type Label = (Box<str>, Box<str>);
type Field = (&'static str, Box<str>);

/// Name, identity, labels and selectable fields of an object.
#[derive(Debug)]
pub(crate) struct Index {
    /// `namespace/name`, or the name alone.
    key: Arc<str>,
    /// Where the name begins in the key.
    name_at: usize,
    uid: Box<str>,
    /// Sorted by key.
    labels: Box<[Label]>,
    fields: Box<[Field]>,
}

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
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl Index {
    /// The index of a parsed object.
    pub(crate) fn of_tree(tree: &Value, fields: Vec<(&'static str, String)>) -> Self {
        let labels = meta::object::metadata(tree)
            .and_then(|metadata| metadata.get("labels"))
            .and_then(Value::as_object);
        let labels = labels
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or("").into()));
        Self::new(
            meta::object::namespace(tree),
            meta::object::name(tree),
            meta::object::uid(tree),
            labels.collect(),
            fields,
        )
    }

    /// The index of an object in the store, which is looked into only if its kind has selectable fields.
    pub(crate) fn of_stored(head: Head<'_>, kind: &dyn Kind, json: &[u8]) -> Result<Self, serde_json::Error> {
        let fields = if kind.selectable_field_names().is_empty() {
            Vec::new()
        } else {
            kind.selectable_fields(&outline(json)?)
        };
        let labels = head.labels.unwrap_or_default().into_iter().collect();
        Ok(Self::new(&head.namespace, &head.name, &head.uid, labels, fields))
    }

    fn new(
        namespace: &str,
        name: &str,
        uid: &str,
        labels: Box<[Label]>,
        fields: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            key: key(namespace, name).into(),
            name_at: if namespace.is_empty() {
                0
            } else {
                namespace.len() + 1
            },
            uid: uid.into(),
            labels,
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        }
    }

    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }

    pub(crate) fn name(&self) -> &str {
        &self.key[self.name_at..]
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.key[..self.name_at.saturating_sub(1)]
    }

    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(key, value)| (&**key, &**value))
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, &**value))
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
