//! What plugins ask of a request.

use std::fmt::Display;

use meta::object::{metadata_str, name};
use meta::{GroupResource, GroupVersionResource, Status};
use registry::{AdmissionRequest, Operation};
use serde_json::Value;

/// What a refusal calls an object whose name the request does not tell.
const NAMELESS: &str = "Unknown";

/// Shorthands on an [`AdmissionRequest`].
pub(crate) trait Request {
    /// The request itself.
    fn request(&self) -> &AdmissionRequest<'_>;

    /// Whether it is about objects of that resource, or (`subresource` not empty) something below them.
    fn is_for(&self, resource: &GroupVersionResource, subresource: &str) -> bool {
        let request = self.request();
        request.resource.resource == resource.resource
            && request.resource.group == resource.group
            && request.subresource == subresource
    }

    /// Whether it creates an object of that resource.
    fn creates(&self, resource: &GroupVersionResource) -> bool {
        self.request().operation == Operation::Create && self.is_for(resource, "")
    }

    /// The object to be written; null if there is none.
    fn proposed(&self) -> &Value {
        self.request().object.as_ref().unwrap_or(&Value::Null)
    }

    /// The object as it is; null if there is none.
    fn existing(&self) -> &Value {
        self.request().old_object.unwrap_or(&Value::Null)
    }

    /// The 403 that refuses it: `pods "a" is forbidden: why`. An object yet without name is called by its `generateName`.
    fn forbidden(&self, why: impl Display) -> Status {
        let request = self.request();
        let object = self.proposed();
        let names = [request.name, name(object), metadata_str(object, "generateName")];
        let name = names
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or(NAMELESS);
        let resource = GroupResource {
            group: request.resource.group.clone(),
            resource: request.resource.resource.clone(),
        };
        Status::forbidden(&resource, name, &why.to_string())
    }
}

impl Request for AdmissionRequest<'_> {
    fn request(&self) -> &AdmissionRequest<'_> {
        self
    }
}

/// Resources that plugins look at.
pub(crate) mod resources {
    use meta::GroupVersionResource;

    pub(crate) const NAMESPACES: GroupVersionResource = core("namespaces");
    pub(crate) const PODS: GroupVersionResource = core("pods");
    pub(crate) const NODES: GroupVersionResource = core("nodes");
    pub(crate) const SERVICE_ACCOUNTS: GroupVersionResource = core("serviceaccounts");
    pub(crate) const QUOTAS: GroupVersionResource = core("resourcequotas");
    pub(crate) const SERVICES: GroupVersionResource = core("services");
    pub(crate) const LIMIT_RANGES: GroupVersionResource = core("limitranges");
    pub(crate) const CLAIMS: GroupVersionResource = core("persistentvolumeclaims");
    pub(crate) const VOLUMES: GroupVersionResource = core("persistentvolumes");
    pub(crate) const PRIORITY_CLASSES: GroupVersionResource =
        GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses");
    pub(crate) const RUNTIME_CLASSES: GroupVersionResource =
        GroupVersionResource::new("node.k8s.io", "v1", "runtimeclasses");
    pub(crate) const ATTRIBUTES_CLASSES: GroupVersionResource =
        GroupVersionResource::new("storage.k8s.io", "v1", "volumeattributesclasses");
    pub(crate) const STORAGE_CLASSES: GroupVersionResource =
        GroupVersionResource::new("storage.k8s.io", "v1", "storageclasses");
    pub(crate) const CSI_NODES: GroupVersionResource =
        GroupVersionResource::new("storage.k8s.io", "v1", "csinodes");
    pub(crate) const CSI_DRIVERS: GroupVersionResource =
        GroupVersionResource::new("storage.k8s.io", "v1", "csidrivers");
    pub(crate) const INGRESSES: GroupVersionResource =
        GroupVersionResource::new("networking.k8s.io", "v1", "ingresses");
    pub(crate) const INGRESS_CLASSES: GroupVersionResource =
        GroupVersionResource::new("networking.k8s.io", "v1", "ingressclasses");
    pub(crate) const LEASES: GroupVersionResource =
        GroupVersionResource::new("coordination.k8s.io", "v1", "leases");
    pub(crate) const SIGNING_REQUESTS: GroupVersionResource =
        GroupVersionResource::new("certificates.k8s.io", "v1", "certificatesigningrequests");
    pub(crate) const RESOURCE_SLICES: GroupVersionResource =
        GroupVersionResource::new("resource.k8s.io", "v1", "resourceslices");

    const fn core(resource: &'static str) -> GroupVersionResource {
        GroupVersionResource::new("", "v1", resource)
    }
}

/// The items of a list in an object; none if it is not there.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A text in an object; empty if it is not there.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or("")
}

/// What stands at a path of names without escapes. [`Value::pointer`] makes new texts of each name to look for those.
fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut names = pointer.split('/').skip(1);
    names.try_fold(object, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

/// An annotation; none if it is not there.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}
