//! One resource: the verbs of the API.

mod amend;
mod change;
mod commit;
mod connect;
mod create;
mod current;
mod delete;
mod observing;
mod ownership;
mod patching;
mod projected;
mod raw_fields;
mod read;
mod target;
mod update;
mod versions;

use std::sync::Arc;

use meta::{GroupResource, GroupVersionResource, Status};
use resource::{Kind, Subresource};
use schema::texts::has_raw_fields;

use crate::cache::Cache;
use crate::converter::Converter;
use crate::object::Object;
use crate::registry::Shared;
use crate::served::Served;

pub use delete::Deleted;
pub use read::Page;
pub use versions::Equivalent;

/// What a write answers with.
#[derive(Clone, Debug)]
pub struct Written {
    /// The object as it is now.
    pub object: Arc<Object>,
    /// Whether it was not there before (201).
    pub created: bool,
}

/// A resource in one version.
pub struct Resource {
    kind: Arc<dyn Kind>,
    name: GroupVersionResource,
    group_resource: GroupResource,
    /// None for a virtual resource.
    served: Option<Served>,
    /// The kinds that show the same objects, this one included.
    siblings: Vec<Arc<dyn Kind>>,
    has_raw_fields: bool,
    shared: Arc<Shared>,
}

impl Resource {
    /// A resource of one of `kinds`.
    pub(crate) fn new(
        kinds: &[Arc<dyn Kind>],
        place: usize,
        cache: Option<Arc<Cache>>,
        converter: Option<Arc<dyn Converter>>,
        shared: Arc<Shared>,
    ) -> Self {
        let kind = Arc::clone(&kinds[place]);
        let descriptor = kind.descriptor();
        let prefix = &descriptor.storage_prefix;
        let shows_the_same =
            |other: &&Arc<dyn Kind>| !prefix.is_empty() && other.descriptor().storage_prefix == *prefix;
        let cache_is_there = cache.is_some();
        Self {
            name: descriptor.resource(),
            group_resource: descriptor.group_resource(),
            served: cache.map(|cache| Served::new(Arc::clone(&kind), cache, place, converter)),
            siblings: kinds.iter().filter(shows_the_same).cloned().collect(),
            has_raw_fields: cache_is_there && !kind.is_custom() && has_raw_fields(descriptor.schema),
            kind,
            shared,
        }
    }

    /// Facts and behaviour.
    pub fn kind(&self) -> &Arc<dyn Kind> {
        &self.kind
    }

    /// Whether objects have raw fields, whose text counts.
    pub fn has_raw_fields(&self) -> bool {
        self.has_raw_fields
    }

    /// Group, version and plural name.
    pub fn name(&self) -> &GroupVersionResource {
        &self.name
    }

    /// Group and plural name.
    pub fn group_resource(&self) -> &GroupResource {
        &self.group_resource
    }

    /// The objects that are stored; 405 for a verb of a resource that has none.
    fn served_for(&self, verb: &str) -> Result<&Served, Status> {
        let served = self.served.as_ref();
        served.ok_or_else(|| Status::method_not_supported(&self.group_resource, verb))
    }

    fn served(&self) -> Result<&Served, Status> {
        self.served_for("get")
    }

    fn subresource(&self, name: &str) -> Result<&Subresource, Status> {
        let subresource = self.kind.descriptor().subresource(name);
        subresource.ok_or_else(|| self.not_found(name))
    }

    fn not_found(&self, name: &str) -> Status {
        Status::not_found(&self.group_resource, name)
    }
}
