//! The objects an informer holds, by namespace and name.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use super::Change;
use crate::api::Kind;
use crate::metadata::ObjectMetadata;

/// Objects by name within their namespace. There may be very many, so each stands for its own name.
type ByName<K> = BTreeSet<Named<K>>;

struct Named<K>(Arc<K>);

impl<K: Kind> Borrow<str> for Named<K> {
    fn borrow(&self) -> &str {
        self.0.metadata().name()
    }
}

impl<K: Kind> PartialEq for Named<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K: Kind> Eq for Named<K> {}

impl<K: Kind> PartialOrd for Named<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for Named<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.metadata().name().cmp(other.0.metadata().name())
    }
}

/// The objects an informer holds. Reads see each change as a whole and never wait long.
pub struct Store<K> {
    namespaces: RwLock<HashMap<String, ByName<K>>>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self {
            namespaces: RwLock::default(),
        }
    }
}

fn key(metadata: &impl ObjectMetadata) -> (&str, &str) {
    (metadata.namespace(), metadata.name())
}

impl<K: Kind> Store<K> {
    /// The object of that name; the namespace is empty for cluster-scoped ones.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let namespaces = self.namespaces.read();
        let Named(object) = namespaces.get(namespace)?.get(name)?;
        Some(object.clone())
    }

    /// All objects of a namespace, in order of name.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.namespaces
            .read()
            .get(namespace)
            .map(|names| names.iter().map(|Named(object)| object.clone()).collect())
            .unwrap_or_default()
    }

    /// All objects.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.namespaces
            .read()
            .values()
            .flat_map(|names| names.iter().map(|Named(object)| object.clone()))
            .collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.namespaces.read().values().map(BTreeSet::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.namespaces.read().is_empty()
    }
}

impl<K: Kind> Store<K> {
    /// Puts an object in; gives what was there before.
    pub(super) fn insert(&self, object: Arc<K>) -> Option<Arc<K>> {
        let namespace = object.metadata().namespace();
        let mut namespaces = self.namespaces.write();
        let names = match namespaces.get_mut(namespace) {
            Some(names) => names,
            None => namespaces.entry(namespace.to_owned()).or_default(),
        };
        names.replace(Named(object)).map(|Named(old)| old)
    }

    pub(super) fn remove(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let mut namespaces = self.namespaces.write();
        let names = namespaces.get_mut(namespace)?;
        let old = names.take(name).map(|Named(old)| old);
        if names.is_empty() {
            namespaces.remove(namespace);
        }
        old
    }

    /// Makes the content exactly `objects`; gives the changes, objects that are the same version left out.
    pub(super) fn replace(&self, objects: Vec<Arc<K>>) -> Vec<Change<K>> {
        let mut gone = std::mem::take(&mut *self.namespaces.write());
        let mut changes = Vec::new();
        for new in objects {
            let (namespace, name) = key(new.metadata());
            let old = gone.get_mut(namespace).and_then(|names| names.take(name));
            let old = old.map(|Named(old)| old);
            self.insert(new.clone());
            let version = new.metadata().resource_version();
            let same = |old: &Arc<K>| old.metadata().resource_version() == version;
            if !old.as_ref().is_some_and(same) {
                changes.push(Change { old, new: Some(new) });
            }
        }
        let gone = gone.into_values().flatten();
        changes.extend(gone.map(|Named(old)| Change {
            old: Some(old),
            new: None,
        }));
        changes
    }
}
