//! What happens to the body of an action before it runs, in a registry with the real kinds.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use async_trait::async_trait;
use meta::{GroupResource, GroupVersionResource, Status, User};
use registry::{Action, ActionRequest, Plugins, Registry, RequestContext, Resource, StorageEncoding};
use serde_json::{Value, json};
use store::memory::MemoryStore;

/// Answers with the body as it came.
struct Echo;

#[async_trait]
impl Action for Echo {
    fn default(&self, body: &mut Value) {
        body["spec"]["expirationSeconds"] = 900.into();
    }

    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        Ok(request.body)
    }
}

async fn act(namespace: &str) -> Result<Value, Status> {
    let registry = Registry::start(Arc::new(MemoryStore::new()), kinds::all(), StorageEncoding::Json)
        .await
        .unwrap();
    let echo: Arc<dyn Action> = Arc::new(Echo);
    registry.plug(Plugins {
        actions: [(
            (GroupResource::new("", "serviceaccounts"), String::from("token")),
            echo,
        )]
        .into(),
        ..Plugins::default()
    });
    let accounts: Arc<Resource> = registry
        .resource(&GroupVersionResource::new("", "v1", "serviceaccounts"))
        .unwrap();
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    let mut context = RequestContext::new(Arc::new(User::new("someone", &[])), now);
    context.field_manager = String::from("test");
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {"namespace": namespace}, "spec": {},
    });
    accounts.act(&context, "d", "a", "token", body).await
}

#[tokio::test]
async fn a_body_gets_its_defaults_and_their_owner() {
    let body = act("").await.unwrap();
    assert_eq!(body["metadata"]["namespace"], "d");
    assert_eq!(body["spec"]["expirationSeconds"], 900);
    assert_eq!(
        body["metadata"]["managedFields"],
        json!([{
            "manager": "test", "operation": "Update", "apiVersion": "authentication.k8s.io/v1",
            "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "subresource": "token",
            "fieldsV1": {"f:spec": {"f:expirationSeconds": {}}},
        }])
    );
}

#[tokio::test]
async fn a_body_of_another_namespace_is_refused() {
    let refused = act("other").await.unwrap_err();
    let expected = "the namespace of the provided object does not match the namespace sent on the request";
    assert_eq!((refused.code, refused.message.as_str()), (400, expected));
}
