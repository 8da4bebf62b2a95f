//! How a kind shows the objects of a cache: as they are stored, or converted.

use std::sync::Arc;

use resource::Kind;
use serde_json::Value;

use crate::cache::Cache;
use crate::draft::Draft;
use crate::object::Object;
use crate::storage_encoding::Form;

/// A kind over the cache that holds its objects.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) kind: Arc<dyn Kind>,
    pub(crate) cache: Arc<Cache>,
    /// Which of the objects' views is this kind's; none if objects are stored as this kind.
    view: Option<usize>,
}

impl Served {
    /// `view` tells the converting kinds of a cache apart.
    pub(crate) fn new(kind: Arc<dyn Kind>, cache: Arc<Cache>, view: usize) -> Self {
        Self {
            view: kind.converts().then_some(view),
            kind,
            cache,
        }
    }

    /// Whether objects are stored as this kind.
    pub(crate) fn is_stored(&self) -> bool {
        self.view.is_none()
    }

    /// A stored object as this kind shows it.
    pub(crate) fn show(&self, object: &Arc<Object>) -> Arc<Object> {
        let Some(view) = self.view else {
            return Arc::clone(object);
        };
        object.view(view, |object| {
            let mut tree = object.tree();
            self.kind.convert_from_stored(&mut tree);
            Draft::of_kind(&*self.kind, &Form::Json, tree).at(object.resource_version())
        })
    }

    /// A tree of this kind as it goes into the store.
    pub(crate) fn draft(&self, mut tree: Value) -> Draft {
        if !self.is_stored() {
            self.kind.convert_to_stored(&mut tree);
        }
        let stored = self.cache.stored();
        Draft::of_kind(&*stored.kind, &stored.form, tree)
    }
}
