//! What an object was: the revisions of it that the store still holds.

mod find;
mod read;

use std::sync::Arc;

use apiserver::{Body, Call, Extension, Response, answer_status};
use async_trait::async_trait;
use auth::{Attributes, Authorizer, ResourceTarget};
use http::{HeaderValue, Method, header};
use meta::{Reason, Status};
use registry::{Registry, Resource};
use serde_json::{Value, json};
use store::{Key, StateStore};

use read::{Revisions, read};

/// Where history is asked for: `?resource=deploy&namespace=default&name=web`.
pub const PATH: &str = "/pintle/v1/history";

/// Answers those who ask for the history of an object. To have it, they need the right to `get` the object as well.
pub(super) struct History {
    registry: Registry,
    store: Arc<dyn StateStore>,
    authorizer: Arc<dyn Authorizer>,
}

impl History {
    pub(super) fn new(
        registry: Registry,
        store: Arc<dyn StateStore>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Self {
        Self {
            registry,
            store,
            authorizer,
        }
    }

    async fn history(&self, call: &Call) -> Result<Value, Status> {
        if call.head.method != Method::GET {
            let message = "the server does not allow this method on the requested resource";
            return Err(Status::failure(405, Reason::METHOD_NOT_ALLOWED, message));
        }
        let text = |name| call.query.first(name).unwrap_or_default();
        let (resource, namespace, name) = (text("resource"), text("namespace"), text("name"));
        if name.is_empty() || name.contains('/') || namespace.contains('/') {
            return Err(Status::bad_request("the name of an object is needed"));
        }
        let unknown = || Status::bad_request(format!("the server doesn't have a resource type {resource:?}"));
        let resources = self.registry.resources();
        let resource = find::resource(&resources, resource).ok_or_else(unknown)?;
        let is_namespaced = resource.kind().descriptor().is_namespaced();
        let namespace = if is_namespaced { namespace } else { "" };
        if is_namespaced && namespace.is_empty() {
            return Err(Status::bad_request("the namespace of the object is needed"));
        }
        self.authorize(call, resource, namespace, name).await?;
        let key = key_of(resource, namespace, name);
        let revisions = read(&*self.store, &key).await.map_err(|error| {
            let message = format!("the history cannot be read: {error}");
            Status::service_unavailable(message)
        })?;
        if revisions.list.is_empty() {
            return Err(Status::not_found(resource.group_resource(), name));
        }
        Ok(document(resource, namespace, name, &revisions))
    }

    async fn authorize(
        &self,
        call: &Call,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<(), Status> {
        let target = ResourceTarget {
            group: &resource.name().group,
            version: &resource.name().version,
            resource: &resource.name().resource,
            namespace,
            name,
            ..ResourceTarget::default()
        };
        let attributes = Attributes::resource(&call.user, "get", target);
        let decision = self.authorizer.authorize(&attributes).await;
        match decision.is_allowed() {
            true => Ok(()),
            false => Err(attributes.forbidden(decision.reason())),
        }
    }
}

#[async_trait]
impl Extension for History {
    fn paths(&self) -> Vec<String> {
        vec![PATH.to_owned()]
    }

    async fn answer(&self, call: &Call) -> Option<Response> {
        if call.info.path() != PATH {
            return None;
        }
        Some(match self.history(call).await {
            Ok(document) => {
                let mut response = Response::new(Body::full(document.to_string()));
                let media_type = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, media_type);
                response
            }
            Err(refusal) => answer_status(call, &refusal),
        })
    }
}

fn key_of(resource: &Resource, namespace: &str, name: &str) -> Key {
    let prefix = &resource.kind().descriptor().storage_prefix;
    match namespace {
        "" => Key::from(format!("{prefix}{name}")),
        namespace => Key::from(format!("{prefix}{namespace}/{name}")),
    }
}

fn document(resource: &Resource, namespace: &str, name: &str, revisions: &Revisions) -> Value {
    let list = revisions.list.iter().map(|revision| {
        let object = revision.value.as_ref().map(|value| {
            let mut object = find::decode(resource, value);
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("resourceVersion".into(), revision.revision.to_string().into());
            }
            object
        });
        json!({"revision": revision.revision.get(), "object": object})
    });
    json!({
        "resource": resource.group_resource().to_string(),
        "namespace": namespace,
        "name": name,
        "heldSince": revisions.held_since.get(),
        "revisions": list.collect::<Vec<_>>(),
        "leftOff": revisions.left_off,
    })
}
