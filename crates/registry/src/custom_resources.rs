//! The custom resources that are served at a moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use meta::{GroupResource, GroupVersionResource};

use crate::cache::Cache;
use crate::resources::Resource;

/// Never changed, but exchanged for another.
#[derive(Clone, Default)]
pub(crate) struct CustomResources {
    by_name: BTreeMap<GroupResource, CustomResource>,
    by_version: HashMap<GroupVersionResource, Arc<Resource>>,
}

/// A custom resource in all its versions, served or not.
#[derive(Clone)]
pub(crate) struct CustomResource {
    pub(crate) versions: Vec<Arc<Resource>>,
    /// The objects of all of them.
    pub(crate) cache: Arc<Cache>,
}

impl CustomResource {
    fn served(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let versions = self.versions.iter();
        versions.filter(|version| !version.kind().descriptor().verbs.is_empty())
    }
}

impl CustomResources {
    /// The resource of that name and version, if it is served.
    pub(crate) fn get(&self, resource: &GroupVersionResource) -> Option<Arc<Resource>> {
        self.by_version.get(resource).cloned()
    }

    /// The resource in the version its objects are stored in.
    pub(crate) fn stored(&self, name: &GroupResource) -> Option<Arc<Resource>> {
        let mut versions = self.by_name.get(name)?.versions.iter();
        versions.find(|version| !version.kind().converts()).cloned()
    }

    /// All that is served, by group and name.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_name.values().flat_map(CustomResource::served)
    }

    /// The same with another resource of that name, or none; and what there was of it.
    pub(crate) fn with(
        &self,
        name: &GroupResource,
        resource: Option<CustomResource>,
    ) -> (Self, Option<CustomResource>) {
        let mut by_name = self.by_name.clone();
        let before = match resource {
            Some(resource) => by_name.insert(name.clone(), resource),
            None => by_name.remove(name),
        };
        let served = by_name.values().flat_map(CustomResource::served);
        let by_version = served.map(|resource| (resource.name().clone(), Arc::clone(resource)));
        let changed = Self {
            by_version: by_version.collect(),
            by_name,
        };
        (changed, before)
    }
}
