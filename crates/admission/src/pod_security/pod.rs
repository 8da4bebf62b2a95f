//! A pod as the checks look at it.

use serde_json::{Map, Value};

use crate::request::{items, text};

/// Metadata and spec of a pod, or of a template of pods.
pub(super) struct Pod<'a> {
    pub(super) metadata: &'a Value,
    pub(super) spec: &'a Value,
}

impl<'a> Pod<'a> {
    /// Every container with its name, those that run first at the front.
    pub(super) fn containers(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let lists = ["/initContainers", "/containers", "/ephemeralContainers"];
        let spec = self.spec;
        let containers = lists.into_iter().flat_map(move |list| items(spec, list));
        containers.map(|container| (text(container, "/name"), container))
    }

    /// The names of the containers of which something is true.
    pub(super) fn containers_that(&self, is_so: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        let such = self.containers().filter(|(_, container)| is_so(container));
        such.map(|(name, _)| name).collect()
    }

    /// The pod's own security context.
    pub(super) fn security(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    pub(super) fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let annotations = self.metadata.get("annotations").and_then(Value::as_object);
        let annotations = annotations.into_iter().flat_map(Map::iter);
        annotations.map(|(key, value)| (key.as_str(), value.as_str().unwrap_or("")))
    }

    /// Whether the pod's users are not those of the node.
    pub(super) fn has_own_users(&self) -> bool {
        self.spec["hostUsers"].as_bool() == Some(false)
    }

    pub(super) fn is_for_windows(&self) -> bool {
        text(self.spec, "/os/name") == "windows"
    }
}
