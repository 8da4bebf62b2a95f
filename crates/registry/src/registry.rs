//! All resources of a server over one store.

use std::collections::HashMap;
use std::sync::Arc;

use meta::{GroupResource, GroupVersionResource, ResourceVersion};
use resource::Kind;

use crate::action::Action;
use crate::admission::{Admission, AdmitAll};
use crate::hooks::Hooks;
use crate::resources::Resource;

/// What a cluster adds to its resources.
pub struct Plugins {
    /// Changes and refuses writes.
    pub admission: Arc<dyn Admission>,
    /// Around the writes of a resource.
    pub hooks: HashMap<GroupResource, Arc<dyn Hooks>>,
    /// Actions by resource and subresource; the subresource of a virtual resource is empty.
    pub actions: HashMap<(GroupResource, String), Arc<dyn Action>>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            admission: Arc::new(AdmitAll),
            hooks: HashMap::new(),
            actions: HashMap::new(),
        }
    }
}

/// All resources of a server. Cloning is cheap.
#[derive(Clone)]
pub struct Registry {
    #[allow(dead_code)]
    kinds: Vec<Arc<dyn Kind>>,
}

impl Registry {
    /// Puts the plugins in; writes before that are answered with 503. Once only.
    pub fn plug(&self, _plugins: Plugins) {}

    /// The resource of that name.
    pub fn resource(&self, _resource: &GroupVersionResource) -> Option<Arc<Resource>> {
        None
    }

    /// Every resource, in the order the kinds were given.
    pub fn resources(&self) -> Vec<Arc<Resource>> {
        Vec::new()
    }

    /// The revision up to which the caches have followed the store.
    pub fn revision(&self) -> Option<ResourceVersion> {
        None
    }

    /// Whether the caches follow the store and plugins are in; else what is missing.
    pub fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
