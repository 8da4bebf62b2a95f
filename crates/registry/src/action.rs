//! The seam to actions: subresources and virtual resources that do something rather than store something.

use async_trait::async_trait;
use meta::Status;
use serde_json::Value;

use crate::context::RequestContext;
use crate::registry::Registry;

/// A request to an action.
#[derive(Debug)]
pub struct ActionRequest<'a> {
    /// Facts of the request.
    pub context: &'a RequestContext,
    /// Empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// The object acted on; empty for a virtual resource.
    pub name: &'a str,
    /// The body, already through admission.
    pub body: Value,
}

/// An action: `pods/binding`, `pods/eviction`, `serviceaccounts/token`, the review resources.
#[async_trait]
pub trait Action: Send + Sync {
    /// Fills in what the client left out of the body.
    fn default(&self, _body: &mut Value) {}

    /// Does it; gives the body of the answer.
    async fn run(&self, request: ActionRequest<'_>, registry: &Registry) -> Result<Value, Status>;
}
