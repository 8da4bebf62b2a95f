//! One resource: the verbs of the API.

use std::sync::Arc;

use meta::{ResourceVersion, Status};
use resource::Kind;
use serde_json::Value;

use crate::context::RequestContext;
use crate::object::Object;
use crate::options::{DeleteOptions, GetOptions, ListOptions, PatchBody, WatchOptions};
use crate::watcher::Watcher;

/// A list, or a page of one.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, in order of namespace and name.
    pub items: Vec<Arc<Object>>,
    /// The version of the list.
    pub revision: ResourceVersion,
    /// Asks for the next page; empty on the last.
    pub continue_token: String,
    /// How many objects follow, where that is known.
    pub remaining: Option<u64>,
}

/// What a write answers with.
#[derive(Clone, Debug)]
pub struct Written {
    /// The object as it is now.
    pub object: Arc<Object>,
    /// Whether it was not there before (201).
    pub created: bool,
}

/// What a delete answers with.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object: its last state, or its state while it waits to be gone.
    Object(Arc<Object>),
    /// A Status that says so.
    Status(Box<Status>),
}

/// A resource in one version.
pub struct Resource {
    kind: Arc<dyn Kind>,
}

impl Resource {
    /// Facts and behaviour.
    pub fn kind(&self) -> &Arc<dyn Kind> {
        &self.kind
    }

    /// One object. `namespace` is empty for cluster-scoped resources.
    pub async fn get(
        &self,
        namespace: &str,
        name: &str,
        _options: &GetOptions,
    ) -> Result<Arc<Object>, Status> {
        Err(self.missing(namespace, name))
    }

    /// A subresource that reads: the object itself for a part, the other kind for a projection (`scale`).
    pub async fn get_subresource(
        &self,
        namespace: &str,
        name: &str,
        _subresource: &str,
        _options: &GetOptions,
    ) -> Result<Arc<Object>, Status> {
        Err(self.missing(namespace, name))
    }

    /// Objects of a namespace, or of all.
    pub async fn list(&self, _namespace: Option<&str>, _options: &ListOptions) -> Result<Page, Status> {
        Err(self.missing("", ""))
    }

    /// Changes in a namespace, or in all. One object is watched with the field selector `metadata.name=x`.
    pub async fn watch(&self, _namespace: Option<&str>, _options: &WatchOptions) -> Result<Watcher, Status> {
        Err(self.missing("", ""))
    }

    /// A new object from a decoded and defaulted body; for a virtual resource, its action.
    pub async fn create(
        &self,
        _context: &RequestContext,
        namespace: &str,
        _body: Value,
    ) -> Result<Written, Status> {
        Err(self.missing(namespace, ""))
    }

    /// A POST to a subresource that is an action: `binding`, `eviction`, `token`.
    pub async fn act(
        &self,
        _context: &RequestContext,
        namespace: &str,
        name: &str,
        _subresource: &str,
        _body: Value,
    ) -> Result<Value, Status> {
        Err(self.missing(namespace, name))
    }

    /// Replaces an object, or (`subresource` not empty) a part or a projection of it.
    pub async fn update(
        &self,
        _context: &RequestContext,
        namespace: &str,
        name: &str,
        _subresource: &str,
        _body: Value,
    ) -> Result<Written, Status> {
        Err(self.missing(namespace, name))
    }

    /// Patches an object, or a part or a projection of it. An apply creates what is not there.
    pub async fn patch(
        &self,
        _context: &RequestContext,
        namespace: &str,
        name: &str,
        _subresource: &str,
        _patch: PatchBody,
    ) -> Result<Written, Status> {
        Err(self.missing(namespace, name))
    }

    /// Deletes an object, or begins to.
    pub async fn delete(
        &self,
        _context: &RequestContext,
        namespace: &str,
        name: &str,
        _options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        Err(self.missing(namespace, name))
    }

    /// Deletes what a list selects; answers with what was there.
    pub async fn delete_collection(
        &self,
        _context: &RequestContext,
        _namespace: Option<&str>,
        _options: &DeleteOptions,
        _list: &ListOptions,
    ) -> Result<Page, Status> {
        Err(self.missing("", ""))
    }

    fn missing(&self, _namespace: &str, name: &str) -> Status {
        Status::not_found(&self.kind.descriptor().group_resource(), name)
    }
}
