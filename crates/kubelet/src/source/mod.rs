//! The pods of this node: those the API assigns to it, and those of manifest files on its disk.

mod api;
mod files;
pub mod manifest;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

pub use api::{follow_api, pods_of_node};
pub use files::{StaticPods, follow_files};

/// Who takes the pods. Called in order, from the tasks that follow the sources; must not block.
pub trait PodSink: Send + Sync + 'static {
    /// A pod is to be on this node, or changed.
    fn set(&self, pod: Arc<Pod>);
    /// A pod is no longer to be on this node. Its last known state.
    fn gone(&self, pod: &Pod);
    /// The object in the API that shows a pod from a file came, changed, or went.
    fn mirror_changed(&self, namespace: &str, name: &str);
}
