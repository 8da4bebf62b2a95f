//! Everything workers work with, the same for all pods.

use std::io;
use std::path::Path;
use std::sync::Arc;

use client::{Client, Scope};
use k8s_openapi::api::node::v1::RuntimeClass;
use tokio::sync::Notify;

use super::voice::Voice;
use super::watch::Owners;
use crate::container::cgroups::Cgroups;
use crate::container::logs::LogKeeper;
use crate::container::{Builder, NodeSettings};
use crate::cri::ContainerRuntime;
use crate::images::Images;
use crate::objects::Objects;
use crate::pod::PodToRun;
use crate::probes::Probes;
use crate::publish::{Mirrors, Publisher};
use crate::status::NodeFacts;
use crate::volumes::Volumes;

pub struct Tools {
    pub node: Arc<NodeSettings>,
    pub facts: NodeFacts,
    pub runtime: Arc<dyn ContainerRuntime>,
    pub objects: Arc<dyn Objects>,
    pub builder: Builder,
    pub volumes: Arc<Volumes>,
    pub images: Images,
    pub probes: Probes,
    pub cgroups: Cgroups,
    pub logs: LogKeeper,
    pub publisher: Arc<Publisher>,
    /// None without a cluster.
    pub mirrors: Option<Arc<Mirrors>>,
    pub voice: Voice,
    /// Something has left room on the node.
    pub room: Notify,
    pub owners: Arc<Owners>,
    /// None without a cluster.
    pub client: Option<Client>,
}

impl Tools {
    /// The runtime's name for the kind of sandbox a pod asks for; empty for the usual one.
    pub async fn runtime_handler(&self, pod: &PodToRun) -> Result<String, String> {
        let class = pod.spec().runtime_class_name.as_deref().unwrap_or_default();
        if class.is_empty() {
            return Ok(String::new());
        }
        let unknown = |why: String| format!("failed to get sandbox runtime: {why}");
        let client = self
            .client
            .as_ref()
            .ok_or_else(|| unknown(format!("RuntimeClass {class:?} needs a cluster")))?;
        let found = client.get::<RuntimeClass>(Scope::Cluster, class).await;
        found.map(|found| found.handler).map_err(|error| {
            unknown(
                error
                    .status()
                    .map_or_else(|| error.to_string(), |status| status.message.clone()),
            )
        })
    }

    /// Removes what a pod has left on the disk.
    pub fn remove_files(&self, pod: &PodToRun) -> io::Result<()> {
        remove(self.node.pod(pod.uid()).path())?;
        remove(&self.node.pod_log_dir(pod.namespace(), pod.name(), pod.uid()))
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
