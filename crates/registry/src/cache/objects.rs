//! Objects in the order of their keys, with snapshots.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdSet;

use crate::object::Object;

/// Objects by key. A clone is a snapshot: it costs next to nothing and stays as it is.
#[derive(Clone, Default)]
pub(crate) struct Objects(OrdSet<ByKey>);

/// An object, ordered by its key.
#[derive(Clone)]
struct ByKey(Arc<Object>);

impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        self.0.key()
    }
}

impl Objects {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.0.get(key).map(|ByKey(object)| Arc::clone(object))
    }

    /// Puts an object in; gives what was there before.
    pub(crate) fn insert(&mut self, object: &Arc<Object>) -> Option<Arc<Object>> {
        let previous = self.0.insert(ByKey(Arc::clone(object)));
        previous.map(|ByKey(object)| object)
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<Object>> {
        self.0.remove(key).map(|ByKey(object)| object)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.0.iter().map(|ByKey(object)| object)
    }

    /// The one with that key, if it is given, else those of a namespace, if that is; from the key `start` on.
    pub(crate) fn range(
        &self,
        key: Option<&str>,
        namespace: Option<&str>,
        start: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Object>> {
        let (first, last) = match (key, namespace) {
            (Some(key), _) => (key.to_owned(), Bound::Included(key.to_owned())),
            // The slash behind the namespace, and the character after the slash.
            (None, Some(namespace)) => (format!("{namespace}/"), Bound::Excluded(format!("{namespace}0"))),
            (None, None) => (String::new(), Bound::Unbounded),
        };
        let first = start
            .filter(|start| **start > *first)
            .map_or(first, ToOwned::to_owned);
        let range = (Bound::Included(first.as_str()), last.as_ref().map(String::as_str));
        let is_empty = match range.1 {
            Bound::Included(last) => *first > *last,
            Bound::Excluded(last) => *first >= *last,
            Bound::Unbounded => false,
        };
        let objects = (!is_empty).then(|| self.0.range::<_, str>(range));
        objects.into_iter().flatten().map(|ByKey(object)| object)
    }
}

impl<'a> FromIterator<&'a Arc<Object>> for Objects {
    fn from_iter<T: IntoIterator<Item = &'a Arc<Object>>>(objects: T) -> Self {
        Self(
            objects
                .into_iter()
                .map(|object| ByKey(Arc::clone(object)))
                .collect(),
        )
    }
}
