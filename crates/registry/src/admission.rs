//! The seam to admission: what may change or refuse a write between decoding and the store.

use async_trait::async_trait;
use meta::{GroupVersionKind, GroupVersionResource, Status};
use serde_json::Value;

use crate::context::RequestContext;

/// What is being done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A new object, or an action's body.
    Create,
    /// A change, by update, patch or apply.
    Update,
    /// A removal.
    Delete,
    /// A stream to where the object runs.
    Connect,
}

impl Operation {
    /// As webhooks and policies spell it: `CREATE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// What admission decides on.
#[derive(Debug)]
pub struct AdmissionRequest<'a> {
    /// Facts of the request.
    pub context: &'a RequestContext,
    /// What is being done.
    pub operation: Operation,
    /// The resource as requested.
    pub resource: &'a GroupVersionResource,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// The kind of `object`.
    pub kind: &'a GroupVersionKind,
    /// Empty for cluster-scoped resources; for a Namespace, its own name.
    pub namespace: &'a str,
    /// Empty on a create with `generateName`.
    pub name: &'a str,
    /// The object to be written, or an action's body; none on delete.
    pub object: Option<Value>,
    /// The object as it is; none on create.
    pub old_object: Option<&'a Value>,
}

/// Changes and refuses writes.
#[async_trait]
pub trait Admission: Send + Sync {
    /// May change `object`, or refuse. Runs before the write is prepared.
    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status>;

    /// May refuse. Sees what is about to be stored, inside the retry of a contended write.
    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status>;
}

/// Lets everything through as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

#[async_trait]
impl Admission for AdmitAll {
    async fn mutate(&self, _request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }

    async fn validate(&self, _request: &AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }
}
