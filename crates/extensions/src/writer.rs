//! Writes of the server itself to definitions and what follows from them.

use std::sync::Arc;

use jiff::Timestamp;
use meta::{GroupVersionResource, Status, User};
use registry::{Registry, RequestContext, Resource};

pub(crate) const DEFINITIONS: GroupVersionResource =
    GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
pub(crate) const API_SERVICES: GroupVersionResource =
    GroupVersionResource::new("apiregistration.k8s.io", "v1", "apiservices");

/// A request of the API server to itself.
pub(crate) fn context() -> RequestContext {
    let user = User::new("system:apiserver", &["system:masters"]);
    let mut context = RequestContext::new(Arc::new(user), Timestamp::now());
    context.field_manager = String::from("kube-apiserver");
    context
}

/// Now, as metadata and conditions have it.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A resource that every server has.
pub(crate) fn built_in(registry: &Registry, name: &GroupVersionResource) -> Result<Arc<Resource>, Status> {
    let resource = registry.resource(name);
    resource.ok_or_else(|| Status::internal(format_args!("{} are not served", name.resource)))
}
