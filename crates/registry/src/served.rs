//! How a kind shows the objects of a cache: as they are stored, or converted.

use std::sync::Arc;

use meta::Status;
use resource::Kind;
use schema::decode::TypeMeta;
use serde_json::Value;

use crate::cache::Cache;
use crate::converter::Converter;
use crate::draft::Draft;
use crate::fault;
use crate::object::Object;
use crate::storage_encoding::Form;

/// So many objects are given to a converter at once.
const CONVERTED_AT_ONCE: usize = 500;

/// A kind over the cache that holds its objects.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) kind: Arc<dyn Kind>,
    pub(crate) cache: Arc<Cache>,
    /// Which of the objects' views is this kind's; none if objects are stored as this kind.
    view: Option<usize>,
    /// Who makes the views, if the kind cannot itself. The cache holds objects in whatever versions they are stored then.
    converter: Option<Arc<dyn Converter>>,
}

impl Served {
    /// `view` tells the converting kinds of a cache apart.
    pub(crate) fn new(
        kind: Arc<dyn Kind>,
        cache: Arc<Cache>,
        view: usize,
        converter: Option<Arc<dyn Converter>>,
    ) -> Self {
        Self {
            view: (kind.converts() || converter.is_some()).then_some(view),
            kind,
            cache,
            converter,
        }
    }

    /// Whether objects are stored as this kind.
    pub(crate) fn is_stored(&self) -> bool {
        self.view.is_none()
    }

    /// A stored object as this kind shows it. Where a converter makes the views, [`Served::prepare`] comes first.
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

    /// Whether somebody else makes the views.
    pub(crate) fn has_converter(&self) -> bool {
        self.converter.is_some()
    }

    /// Whether all of these can be shown without asking a converter.
    pub(crate) fn is_prepared<'a>(&self, mut objects: impl Iterator<Item = &'a Arc<Object>>) -> bool {
        objects.all(|object| !self.lacks_view(object))
    }

    /// Has a converter, if there is one, make what is needed to show objects.
    pub(crate) async fn prepare<'a>(
        &self,
        objects: impl Iterator<Item = &'a Arc<Object>> + Send,
    ) -> Result<(), Status> {
        let (Some(converter), Some(view)) = (&self.converter, self.view) else {
            return Ok(());
        };
        let lacking: Vec<Arc<Object>> = objects
            .filter(|object| self.lacks_view(object))
            .cloned()
            .collect();
        let api_version = self.kind.descriptor().kind.api_version();
        for chunk in lacking.chunks(CONVERTED_AT_ONCE) {
            let trees = chunk.iter().map(|object| object.tree()).collect();
            let converted = converter.convert(trees, &api_version).await?;
            for (object, mut tree) in chunk.iter().zip(converted) {
                self.kind.prune(&mut tree);
                self.kind.default(&mut tree);
                object.view(view, |object| {
                    Draft::of_kind(&*self.kind, &Form::Json, tree).at(object.resource_version())
                });
            }
        }
        Ok(())
    }

    /// Whether an object lies in another version, and has not been seen in this one.
    fn lacks_view(&self, object: &Object) -> bool {
        let has_view = self.view.is_some_and(|view| object.has_view(view));
        !has_view && TypeMeta::of(&object.tree()).api_version != self.kind.descriptor().kind.api_version()
    }

    /// A tree of this kind as it goes into the store.
    pub(crate) async fn draft(&self, tree: Value) -> Result<Draft, Status> {
        let tree = self.to_stored(tree).await?;
        let stored = self.cache.stored();
        Ok(Draft::of_kind(&*stored.kind, &stored.form, tree))
    }

    /// What a tree of this kind would be read as once it was stored: what the kind it is stored as does not know is lost.
    pub(crate) async fn read_back(&self, tree: Value) -> Result<Value, Status> {
        if self.is_stored() {
            return Ok(tree);
        }
        let mut tree = self.to_stored(tree).await?;
        match &self.converter {
            Some(converter) => {
                tree = convert_one(&**converter, tree, &self.kind.descriptor().kind.api_version()).await?;
                complete(&*self.kind, &mut tree);
            }
            None => self.kind.convert_from_stored(&mut tree),
        }
        Ok(tree)
    }

    /// A tree of this kind as one of the kind that it is stored as.
    async fn to_stored(&self, mut tree: Value) -> Result<Value, Status> {
        let stored = self.cache.stored();
        match &self.converter {
            Some(converter) => {
                let api_version = stored.kind.descriptor().kind.api_version();
                if TypeMeta::of(&tree).api_version != api_version {
                    tree = convert_one(&**converter, tree, &api_version).await?;
                    complete(&*stored.kind, &mut tree);
                }
            }
            None if self.is_stored() => {}
            None => {
                self.kind.convert_to_stored(&mut tree);
                complete(&*stored.kind, &mut tree);
            }
        }
        Ok(tree)
    }

    /// The same for a tree that is needed further, of an object that was there before. None if objects are stored as another
    /// kind, or may be read back otherwise
    /// than they were written.
    pub(crate) fn draft_of_kept(&self, tree: &mut Value, before: &Object) -> Option<Draft> {
        let stored = self.cache.stored();
        let is_read_back = self.is_stored() && !self.kind.is_custom();
        is_read_back.then(|| Draft::of_kept(&*stored.kind, &stored.form, tree, before.json().len()))
    }
}

async fn convert_one(converter: &dyn Converter, tree: Value, api_version: &str) -> Result<Value, Status> {
    let converted = converter.convert(vec![tree], api_version).await?;
    let converted = converted.into_iter().next();
    converted.ok_or_else(|| fault::plain(500, "nothing was converted"))
}

/// What was converted may lack what the other version has for a default.
fn complete(kind: &dyn Kind, tree: &mut Value) {
    if kind.is_custom() {
        kind.prune(tree);
        kind.default(tree);
    }
}
