//! An object as it is held and served: immutable bytes, and beside them what is needed to find it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use meta::label_selector::Labels;
use meta::{ResourceVersion, Status};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use crate::draft::{Draft, Places};
use crate::index::Index;
use crate::protobuf_cache::Slot;
use crate::storage_encoding::Form;

/// An object at one version. Shared, never changed.
pub struct Object {
    index: Arc<Index>,
    revision: Option<ResourceVersion>,
    json: Bytes,
    places: Places,
    /// How long `"resourceVersion":"…",` is, which stands at its place in `json`.
    version_bytes: u32,
    protobuf: OnceLock<Arc<Slot>>,
    /// The same object as other kinds show it, made when first asked for.
    views: OnceLock<Box<Views>>,
}

type Views = Mutex<Vec<(usize, Arc<Object>)>>;

impl Object {
    /// An object that was never stored: the answer of an action, or of a dry run.
    pub fn unstored(tree: Value) -> Self {
        let version = meta::object::metadata_str(&tree, "resourceVersion").to_owned();
        let draft = Draft::of_tree(tree, None, &Form::Json);
        draft.said_to_be_at(&version)
    }

    pub(crate) fn new(
        index: Arc<Index>,
        revision: Option<ResourceVersion>,
        json: Bytes,
        places: Places,
        version_bytes: u32,
    ) -> Self {
        Self {
            index,
            revision,
            json,
            places,
            version_bytes,
            protobuf: OnceLock::new(),
            views: OnceLock::new(),
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.index.name()
    }

    /// `metadata.namespace`; empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        self.index.namespace()
    }

    /// `namespace/name`, or the name alone: what orders lists.
    pub fn key(&self) -> &str {
        self.index.key()
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.index.uid()
    }

    /// The version; none for what was never stored.
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.revision
    }

    /// Labels, sorted by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.index.labels()
    }

    /// The value of one of the kind's selectable fields.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.index.field(name)
    }

    /// The value of a label.
    pub(crate) fn label_value(&self, key: &str) -> Option<&str> {
        self.index.label(key)
    }

    /// Every selectable field with its value.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.index.fields()
    }

    /// The object in JSON, `metadata.resourceVersion` in place, no line end.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The JSON behind the opening brace, without `kind` and `apiVersion`: an item of a typed list is `{` and this.
    pub fn item_json(&self) -> Bytes {
        self.json.slice(self.places.body as usize..)
    }

    /// `metadata` in JSON, a part of the same bytes; an empty object if there is none.
    pub fn metadata_json(&self) -> Bytes {
        let start = (self.places.version as usize).saturating_sub(1);
        let end = self.places.rest as usize + self.version_bytes as usize;
        let is_there = self.places.rest > self.places.version && end <= self.json.len();
        if !is_there {
            return Bytes::from_static(b"{}");
        }
        self.json.slice(start..end)
    }

    /// The object as a tree, parsed on each call.
    pub fn tree(&self) -> Value {
        self.read().unwrap_or_default()
    }

    /// What a type wants of the object, parsed on each call: where that is little, it costs much less than the tree. None if
    /// the object is not of that form.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        // One look at all of the text costs less than a look at each string in it.
        let json = std::str::from_utf8(&self.json).ok()?;
        serde_json::from_str(json).ok()
    }

    /// The object in Kubernetes' protobuf, made by the first who asks, and kept as long as there is room for it.
    pub fn protobuf(&self, encode: impl FnOnce(&Self) -> Result<Bytes, Status>) -> Result<Bytes, Status> {
        if let Some(bytes) = self.protobuf.get().and_then(|slot| slot.get()) {
            return Ok(bytes);
        }
        let bytes = encode(self)?;
        self.protobuf.get_or_init(Arc::default).keep(bytes.clone());
        Ok(bytes)
    }

    /// The same object at another version: what a DELETED event tells.
    pub(crate) fn at(&self, revision: ResourceVersion) -> Self {
        let draft = Draft::new(Arc::clone(&self.index), self.versionless_json(), self.places);
        draft.at(Some(revision))
    }

    fn versionless_json(&self) -> Bytes {
        let Range { start, end } = self.version_at();
        [&self.json[..start], &self.json[end..]].concat().into()
    }

    fn version_at(&self) -> Range<usize> {
        let start = self.places.version as usize;
        start..start + self.version_bytes as usize
    }

    /// Whether another state of the object differs from this one in its metadata only.
    pub fn differs_in_metadata_only(&self, other: &Self) -> bool {
        self.uid() == other.uid() && self.behind_metadata() == other.behind_metadata()
    }

    fn behind_metadata(&self) -> &[u8] {
        let rest = self.places.rest as usize + self.version_bytes as usize;
        self.json.get(rest..).unwrap_or_default()
    }

    /// Whether the object is exactly this JSON, the version aside.
    pub(crate) fn says(&self, json: &[u8]) -> bool {
        let Range { start, end } = self.version_at();
        json.len() + (end - start) == self.json.len()
            && json[..start] == self.json[..start]
            && json[start..] == self.json[end..]
    }

    /// Whether the object has been shown as that kind.
    pub(crate) fn has_view(&self, view: usize) -> bool {
        let views = self.views.get();
        views.is_some_and(|views| views.lock().iter().any(|(v, _)| *v == view))
    }

    /// The object as another kind shows it, made by the first who asks. `view` numbers the kinds of a storage prefix.
    pub(crate) fn view(&self, view: usize, make: impl FnOnce(&Self) -> Object) -> Arc<Object> {
        let mut views = self.views.get_or_init(Box::default).lock();
        if let Some((_, object)) = views.iter().find(|(v, _)| *v == view) {
            return Arc::clone(object);
        }
        let object = Arc::new(make(self));
        views.push((view, Arc::clone(&object)));
        object
    }
}

impl Labels for Object {
    fn label(&self, key: &str) -> Option<&str> {
        self.index.label(key)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("key", &self.key())
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
