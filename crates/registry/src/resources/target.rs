//! What a request writes to.

use meta::{GroupVersionKind, Status};
use resource::SubresourceKind;
use serde_json::Value;

use super::Resource;
use crate::admission::{AdmissionRequest, Operation};
use crate::context::RequestContext;
use crate::index;

/// An object, or something below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Empty for cluster-scoped resources.
    pub(super) namespace: &'a str,
    /// Empty while a name is yet to be generated.
    pub(super) name: &'a str,
    /// Empty for the object itself.
    pub(super) subresource: &'a str,
}

impl Target<'_> {
    /// The key below the storage prefix.
    pub(super) fn key(&self) -> Box<str> {
        index::key(self.namespace, self.name)
    }

    /// The same where a client gave the name in a path.
    pub(super) fn path_key(&self) -> Result<Box<str>, Status> {
        path_key(self.namespace, self.name)
    }
}

/// The key of an object whose name a client gave in a path; 400 if no object can have the name.
pub(super) fn path_key(namespace: &str, name: &str) -> Result<Box<str>, Status> {
    let problems = meta::name::path_segment(name);
    if problems.is_empty() {
        return Ok(index::key(namespace, name));
    }
    let problems = problems.join(";");
    Err(Status::bad_request(format!(
        "Name parameter invalid: {}: {problems}",
        meta::quote(name)
    )))
}

impl Resource {
    /// How a subresource works; none for the object itself.
    pub(super) fn works_as(&self, target: &Target<'_>) -> Result<Option<SubresourceKind>, Status> {
        if target.subresource.is_empty() {
            return Ok(None);
        }
        self.subresource(target.subresource)
            .map(|subresource| Some(subresource.works_as.clone()))
    }

    /// The kind of the bodies of a target.
    pub(super) fn kind_of(&self, target: &Target<'_>) -> &GroupVersionKind {
        let descriptor = self.kind.descriptor();
        let subresource = descriptor.subresource(target.subresource);
        subresource.map_or(&descriptor.kind, |subresource| &subresource.kind)
    }

    /// The question put to admission.
    pub(super) fn admission_request<'a>(
        &'a self,
        context: &'a RequestContext,
        target: Target<'a>,
        operation: Operation,
        object: Option<Value>,
        old_object: Option<&'a Value>,
    ) -> AdmissionRequest<'a> {
        AdmissionRequest {
            context,
            operation,
            resource: &self.name,
            subresource: target.subresource,
            kind: self.kind_of(&target),
            namespace: target.namespace,
            name: target.name,
            object,
            old_object,
        }
    }

    /// Lets admission change an object.
    pub(super) async fn mutate(
        &self,
        context: &RequestContext,
        target: Target<'_>,
        operation: Operation,
        object: Value,
        old_object: Option<&Value>,
    ) -> Result<Value, Status> {
        let mut request = self.admission_request(context, target, operation, Some(object), old_object);
        self.shared.plugins()?.admission.mutate(&mut request).await?;
        Ok(request.object.unwrap_or_default())
    }

    /// Lets admission refuse an object, and hands it back.
    pub(super) async fn validate(
        &self,
        context: &RequestContext,
        target: Target<'_>,
        operation: Operation,
        object: Value,
        old_object: Option<&Value>,
    ) -> Result<Value, Status> {
        let request = self.admission_request(context, target, operation, Some(object), old_object);
        self.shared.plugins()?.admission.validate(&request).await?;
        Ok(request.object.unwrap_or_default())
    }
}
