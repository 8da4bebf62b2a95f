//! What plugins look up.

use std::sync::Arc;

use async_trait::async_trait;
use meta::{GroupVersionKind, GroupVersionResource, Status};
use registry::{Equivalent, GetOptions, ListOptions, Object, RequestContext, WeakRegistry};
use serde_json::Value;

/// Where objects of a kind are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Group, version and plural name.
    pub resource: GroupVersionResource,
    /// Whether they live in namespaces.
    pub is_namespaced: bool,
}

/// The state of the cluster, as plugins see it.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// An object; none if there is no such object even in the newest state. An object that is there may have changed since.
    async fn get(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status>;

    /// The objects of a namespace, or of all, as far as they are at hand.
    async fn list(
        &self,
        resource: &GroupVersionResource,
        namespace: Option<&str>,
    ) -> Result<Vec<Arc<Object>>, Status>;

    /// A number that changes whenever an object of the resource does.
    fn changed_at(&self, resource: &GroupVersionResource) -> Result<u64, Status>;

    /// Where objects of a kind are served.
    fn served_kind(&self, kind: &GroupVersionKind) -> Option<Served>;

    /// Where else the objects of a resource (or what lies below them) are served.
    fn equivalents(&self, resource: &GroupVersionResource, subresource: &str) -> Vec<Equivalent>;

    /// An object of the resource, in whatever version, as the version `api_version` shows it.
    fn in_version(
        &self,
        resource: &GroupVersionResource,
        object: &Value,
        api_version: &str,
    ) -> Result<Value, Status>;

    /// An object of the resource (or the body of what lies below) that was made by somebody else: unknown fields go, defaults
    /// come in.
    fn read(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: Value,
    ) -> Result<Value, Status>;

    /// An object of the resource (or the body of what lies below) with a part of one merged in; else why it cannot be.
    fn with_part(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: &Value,
        part: &Value,
    ) -> Result<Value, String>;

    /// Changes the status of an object by a function of what it is in the newest state; a refusal by the function is the answer.
    async fn amend(
        &self,
        context: &RequestContext,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        amend: &(dyn for<'a> Fn(&'a mut Value) -> Result<(), Status> + Send + Sync),
    ) -> Result<(), Status>;
}

#[async_trait]
impl Cluster for WeakRegistry {
    async fn get(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Object>>, Status> {
        let resource = find(self, resource)?;
        for version in ["0", ""] {
            let options = GetOptions {
                resource_version: version.to_owned(),
            };
            match resource.get(namespace, name, &options).await {
                Ok(object) => return Ok(Some(object)),
                Err(status) if status.is_not_found() => {}
                Err(status) => return Err(status),
            }
        }
        Ok(None)
    }

    async fn list(
        &self,
        resource: &GroupVersionResource,
        namespace: Option<&str>,
    ) -> Result<Vec<Arc<Object>>, Status> {
        let options = ListOptions {
            resource_version: String::from("0"),
            ..ListOptions::default()
        };
        let page = find(self, resource)?.list(namespace, &options).await?;
        Ok(page.items)
    }

    fn changed_at(&self, resource: &GroupVersionResource) -> Result<u64, Status> {
        find(self, resource)?.changed_at()
    }

    fn served_kind(&self, kind: &GroupVersionKind) -> Option<Served> {
        let resources = self.upgrade().ok()?.resources();
        let mut descriptors = resources.iter().map(|resource| resource.kind().descriptor());
        let found = descriptors.find(|descriptor| descriptor.kind == *kind)?;
        Some(Served {
            resource: found.resource(),
            is_namespaced: found.is_namespaced(),
        })
    }

    fn equivalents(&self, resource: &GroupVersionResource, subresource: &str) -> Vec<Equivalent> {
        find(self, resource).map_or_else(|_| Vec::new(), |resource| resource.equivalents(subresource))
    }

    fn in_version(
        &self,
        resource: &GroupVersionResource,
        object: &Value,
        api_version: &str,
    ) -> Result<Value, Status> {
        find(self, resource)?.in_version(object, api_version)
    }

    fn read(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: Value,
    ) -> Result<Value, Status> {
        find(self, resource)?.read(subresource, object)
    }

    fn with_part(
        &self,
        resource: &GroupVersionResource,
        subresource: &str,
        object: &Value,
        part: &Value,
    ) -> Result<Value, String> {
        let resource = find(self, resource).map_err(|status| status.message)?;
        resource.with_part(subresource, object, part)
    }

    async fn amend(
        &self,
        context: &RequestContext,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        amend: &(dyn for<'a> Fn(&'a mut Value) -> Result<(), Status> + Send + Sync),
    ) -> Result<(), Status> {
        let resource = find(self, resource)?;
        resource
            .amend(context, namespace, name, Some("status"), |object| amend(object))
            .await
            .map(drop)
    }
}

fn find(registry: &WeakRegistry, name: &GroupVersionResource) -> Result<Arc<registry::Resource>, Status> {
    let resource = registry.upgrade()?.resource(name);
    resource.ok_or_else(|| Status::internal(format_args!("admission needs {name}, which is not served")))
}
