//! What the server needs to know of the node.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::cri::ContainerRuntime;

/// What runs on a node, as the kubelet knows it. Calls do not wait.
pub trait NodeView: Send + Sync + 'static {
    /// The pods of this node, each with the status the kubelet last made of it.
    fn pods(&self) -> Vec<Arc<Pod>>;

    /// One of them. For a pod from a file, this is found by the name of its mirror in the API, which is the same.
    fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        self.pods().into_iter().find(|pod| {
            pod.metadata.name.as_deref() == Some(name) && pod.metadata.namespace.as_deref() == Some(namespace)
        })
    }

    /// The container runtime.
    fn runtime(&self) -> Arc<dyn ContainerRuntime>;
}
