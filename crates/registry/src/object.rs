//! An object as it is held and served: immutable bytes, and beside them what is needed to find it.

use bytes::Bytes;
use meta::ResourceVersion;
use serde_json::Value;

/// An object at one version. Shared, never changed.
#[derive(Debug)]
pub struct Object {
    pub(crate) name: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) uid: Box<str>,
    pub(crate) revision: Option<ResourceVersion>,
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    pub(crate) fields: Box<[(&'static str, Box<str>)]>,
    pub(crate) json: Bytes,
}

impl Object {
    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`; empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The version; none for what was never stored (dry run, answers of actions).
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.revision
    }

    /// Labels, sorted by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Values of the kind's selectable fields.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(k, v)| (*k, &**v))
    }

    /// The object in JSON, `metadata.resourceVersion` in place, no line end.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The object as a tree, parsed on each call.
    pub fn tree(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}
