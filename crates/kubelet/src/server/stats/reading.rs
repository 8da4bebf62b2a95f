//! One reading of everything: the machine, the pods, their containers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::node::NodeUse;
use crate::cri::message::{
    ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage, NetworkUsage, UInt64Value,
};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::pod::{PodLabels, label};

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// The kernel's files.
    #[error("cannot read what the node uses")]
    Node(#[source] std::io::Error),
    /// The runtime's answer.
    #[error("cannot ask the container runtime")]
    Runtime(#[source] RuntimeError),
}

/// What everything on the node uses at one time.
pub struct Reading {
    pub at: Timestamp,
    pub node: NodeUse,
    /// Those that run, by namespace and name.
    pub pods: Vec<PodUse>,
    /// Where images are.
    pub images: Vec<FilesystemUsage>,
}

/// What a pod uses.
pub struct PodUse {
    pub pod: PodLabels,
    pub started_at: Option<Timestamp>,
    pub containers: Vec<ContainerUse>,
    pub cpu: Option<CpuUsage>,
    pub memory: Option<MemoryUsage>,
    pub network: Option<NetworkUsage>,
}

/// What a container uses.
pub struct ContainerUse {
    pub id: String,
    pub name: String,
    pub image: String,
    pub started_at: Option<Timestamp>,
    pub stats: ContainerStats,
}

impl Reading {
    /// Reads everything now.
    pub async fn take(
        runtime: Arc<dyn ContainerRuntime>,
        pods: Vec<Arc<Pod>>,
        folder: PathBuf,
    ) -> Result<Self, ReadingError> {
        let at = Timestamp::now();
        let (containers, sandboxes, images) = tokio::join!(
            runtime.container_stats(),
            runtime.sandbox_stats(),
            runtime.image_filesystem()
        );
        let mut reading = Self {
            at,
            node: NodeUse::read(&folder, at).map_err(ReadingError::Node)?,
            pods: by_pod(containers.map_err(ReadingError::Runtime)?, &pods),
            // Older runtimes do not tell; what is known is shown.
            images: images.unwrap_or_default(),
        };
        for sandbox in sandboxes.unwrap_or_default() {
            let metadata = sandbox.attributes.and_then(|attributes| attributes.metadata);
            let (Some(metadata), Some(linux)) = (metadata, sandbox.linux) else {
                continue;
            };
            let found = reading.pods.iter_mut().find(|pod| pod.pod.uid == metadata.uid);
            if let Some(pod) = found {
                (pod.cpu, pod.memory, pod.network) = (linux.cpu, linux.memory, linux.network);
            }
        }
        Ok(reading)
    }
}

impl PodUse {
    /// Nanoseconds of processors, of the whole pod if that is known, else of its containers together.
    pub fn cpu_nanoseconds(&self) -> Option<u64> {
        let whole = self.cpu.and_then(|cpu| value(cpu.usage_core_nano_seconds));
        whole.or_else(|| sum(self.containers.iter().map(ContainerUse::cpu_nanoseconds)))
    }

    /// Bytes that could not be taken back at once.
    pub fn working_set(&self) -> Option<u64> {
        let whole = self.memory.and_then(|memory| value(memory.working_set_bytes));
        whole.or_else(|| sum(self.containers.iter().map(ContainerUse::working_set)))
    }
}

impl ContainerUse {
    pub fn cpu_nanoseconds(&self) -> Option<u64> {
        value(self.stats.cpu?.usage_core_nano_seconds)
    }

    pub fn working_set(&self) -> Option<u64> {
        value(self.stats.memory?.working_set_bytes)
    }
}

/// Nothing if nothing is known of any.
fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(|a, b| a + b)
}

/// A number that may be missing.
pub fn value(number: Option<UInt64Value>) -> Option<u64> {
    number.map(|number| number.value)
}

fn by_pod(stats: Vec<ContainerStats>, pods: &[Arc<Pod>]) -> Vec<PodUse> {
    let mut found: BTreeMap<PodLabels, PodUse> = BTreeMap::new();
    for stats in stats {
        let Some(attributes) = &stats.attributes else {
            continue;
        };
        let (Some(labels), Some(name)) = (
            PodLabels::read(&attributes.labels),
            attributes.labels.get(label::CONTAINER_NAME).cloned(),
        ) else {
            continue;
        };
        let pod = pods
            .iter()
            .find(|pod| pod.metadata.uid.as_deref() == Some(labels.uid.as_str()));
        let entry = found.entry(labels.clone()).or_insert_with(|| PodUse {
            pod: labels,
            started_at: pod.and_then(|pod| pod.status.as_ref()?.start_time.as_ref().map(|time| time.0)),
            containers: Vec::new(),
            cpu: None,
            memory: None,
            network: None,
        });
        let (image, started_at) = pod.and_then(|pod| of_status(pod, &name)).unwrap_or_default();
        entry.containers.push(ContainerUse {
            id: attributes.id.clone(),
            name,
            image,
            started_at,
            stats,
        });
    }
    found.into_values().collect()
}

/// The image of a container, and since when it runs.
fn of_status(pod: &Pod, name: &str) -> Option<(String, Option<Timestamp>)> {
    let status = pod.status.as_ref()?;
    let lists = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let mut all = lists.into_iter().flatten().flatten();
    let status = all.find(|status| status.name == name)?;
    let running = status.state.as_ref().and_then(|state| state.running.as_ref());
    let started_at = running.and_then(|running| running.started_at.as_ref().map(|time| time.0));
    Some((status.image.clone(), started_at))
}
