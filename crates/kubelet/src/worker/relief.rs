//! Makes room when the node is short of something: images nobody uses first, then a pod.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::manager::Manager;
use crate::cri::message::{ContainerFilter, ContainerStats, Image};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::node::Relief;
use crate::node::eviction::{Candidate, Shortage, choose, verdict};
use crate::pod::label;

/// After a pod was ended, nobody else has to go before that could show.
const PAUSE: Duration = Duration::from_secs(20);

/// Makes room on the node.
pub struct PodRelief {
    manager: Arc<Manager>,
    runtime: Arc<dyn ContainerRuntime>,
    last: Mutex<Option<Instant>>,
}

impl PodRelief {
    pub fn new(manager: Arc<Manager>, runtime: Arc<dyn ContainerRuntime>) -> Self {
        Self {
            manager,
            runtime,
            last: Mutex::default(),
        }
    }

    async fn evict(&self, shortage: &Shortage) -> Result<(), RuntimeError> {
        let stats = self.runtime.container_stats().await?;
        let candidates = candidates(&self.manager, &stats);
        if let Some(chosen) = choose(shortage.threshold.signal, &candidates) {
            tracing::warn!(pod = chosen.pod.metadata.name, ?shortage, "evicting a pod");
            let uid = chosen.pod.metadata.uid.as_deref().unwrap_or_default();
            self.manager.evict(uid, verdict(shortage, chosen));
            *self.last.lock() = Some(Instant::now());
        }
        Ok(())
    }

    /// Removes images no container was made from; whether there were any.
    async fn remove_images(&self) -> Result<bool, RuntimeError> {
        let images = self.runtime.list_images().await?;
        let containers = self.runtime.list_containers(ContainerFilter::default()).await?;
        let used: BTreeSet<String> = containers
            .iter()
            .map(|container| container.image_ref.clone())
            .collect();
        let mut removed = false;
        for image in images.iter().filter(|image| !is_used(image, &used)) {
            tracing::info!(image = image.id, tags = ?image.repo_tags, "removing an unused image");
            self.runtime.remove_image(&image.id).await?;
            removed = true;
        }
        Ok(removed)
    }
}

/// The image of sandboxes is nobody's, but always needed.
fn is_used(image: &Image, used: &BTreeSet<String>) -> bool {
    let is_pause = image.repo_tags.iter().any(|tag| tag == crate::image::PAUSE_IMAGE);
    image.pinned
        || is_pause
        || used.contains(&image.id)
        || image.repo_digests.iter().any(|name| used.contains(name))
}

#[async_trait]
impl Relief for PodRelief {
    async fn check_limits(&self) {
        self.manager.check_folders().await;
    }

    async fn relieve(&self, shortage: &Shortage) {
        if self.last.lock().is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        if shortage.threshold.signal.is_disk() {
            match self.remove_images().await {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) => tracing::warn!(%error, "unused images not removed"),
            }
        }
        if let Err(error) = self.evict(shortage).await {
            tracing::warn!(%error, "nobody could be chosen to make room");
        }
    }
}

type Usage = HashMap<String, (BTreeMap<String, u64>, BTreeMap<String, u64>)>;

fn candidates(manager: &Manager, stats: &[ContainerStats]) -> Vec<Candidate> {
    let mut usage = Usage::new();
    for stats in stats {
        let Some(labels) = stats.attributes.as_ref().map(|attributes| &attributes.labels) else {
            continue;
        };
        let (Some(uid), Some(name)) = (labels.get(label::POD_UID), labels.get(label::CONTAINER_NAME)) else {
            continue;
        };
        let (memory, disk) = usage.entry(uid.clone()).or_default();
        let used = stats
            .memory
            .and_then(|memory| memory.working_set_bytes)
            .map_or(0, |bytes| bytes.value);
        memory.insert(name.clone(), used);
        let layer = stats.writable_layer.as_ref().and_then(|layer| layer.used_bytes);
        disk.insert(name.clone(), layer.map_or(0, |bytes| bytes.value));
    }
    let candidate = |pod: Arc<k8s_openapi::api::core::v1::Pod>| {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let (memory_bytes, disk_bytes) = usage.remove(&uid).unwrap_or_default();
        Candidate {
            pod,
            memory_bytes,
            disk_bytes,
        }
    };
    let active = manager.active_pods().into_iter();
    active
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .map(candidate)
        .collect()
}
