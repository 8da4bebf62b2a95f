//! Makes room when the node is short of something: images nobody uses first, then a pod.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::manager::Manager;
use crate::cri::message::{ContainerFilter, ContainerStats, Image};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::image::import::imported;
use crate::node::Relief;
use crate::node::eviction::{Candidate, Shortage, choose, verdict};
use crate::pod::label;

/// After a pod was ended, nobody else has to go before that could show.
const PAUSE: Duration = Duration::from_secs(20);

/// How long an image must have been unused before it is removed; upstream's `imageMinimumGCAge`.
const MIN_UNUSED: Duration = Duration::from_secs(120);

/// Makes room on the node.
pub struct PodRelief {
    manager: Arc<Manager>,
    runtime: Arc<dyn ContainerRuntime>,
    /// Where it is noted which images came from files: those nobody could fetch again.
    import_record: PathBuf,
    last: Mutex<Option<Instant>>,
    /// Since when images are unused, by id.
    unused_since: Mutex<HashMap<String, Instant>>,
}

impl PodRelief {
    pub fn new(manager: Arc<Manager>, runtime: Arc<dyn ContainerRuntime>, import_record: PathBuf) -> Self {
        Self {
            manager,
            runtime,
            import_record,
            last: Mutex::default(),
            unused_since: Mutex::default(),
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

    /// Removes images no container was made from, and that nobody has just brought to use; whether there were any.
    async fn remove_images(&self) -> Result<bool, RuntimeError> {
        let images = self.runtime.list_images().await?;
        let containers = self.runtime.list_containers(ContainerFilter::default()).await?;
        let used: BTreeSet<String> = containers
            .into_iter()
            .map(|container| container.image_ref)
            .collect();
        let kept = imported(&self.import_record);
        let unused: Vec<Image> = images
            .into_iter()
            .filter(|image| !is_needed(image, &used, &kept))
            .collect();
        let mut removed = false;
        for image in self.unused_long_enough(unused) {
            tracing::info!(image = image.id, tags = ?image.repo_tags, "removing an unused image");
            self.runtime.remove_image(&image.id).await?;
            removed = true;
        }
        Ok(removed)
    }

    fn unused_long_enough(&self, unused: Vec<Image>) -> Vec<Image> {
        let now = Instant::now();
        let mut since = self.unused_since.lock();
        since.retain(|id, _| unused.iter().any(|image| image.id == *id));
        let is_old = |image: &Image| *since.entry(image.id.clone()).or_insert(now) + MIN_UNUSED <= now;
        unused.into_iter().filter(is_old).collect()
    }
}

/// Whether an image must stay. That of sandboxes is nobody's, but always needed.
fn is_needed(image: &Image, used: &BTreeSet<String>, kept: &BTreeSet<String>) -> bool {
    let is_kept = |tag: &String| tag == crate::image::PAUSE_IMAGE || kept.contains(tag);
    image.pinned
        || image.repo_tags.iter().any(is_kept)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_or_cannot_be_fetched_again_stays() {
        let image = |id: &str, tag: &str| Image {
            id: id.to_owned(),
            repo_tags: vec![tag.to_owned()],
            repo_digests: vec![format!("{tag}@sha256:0")],
            ..Image::default()
        };
        let names =
            |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let needed = |image: &Image| is_needed(image, &names(&["1", "c@sha256:0"]), &names(&["kept"]));
        assert!(needed(&image("1", "a")));
        assert!(needed(&image("2", "c")));
        assert!(needed(&image("3", "kept")));
        assert!(needed(&image("4", crate::image::PAUSE_IMAGE)));
        assert!(needed(&Image {
            pinned: true,
            ..image("5", "d")
        }));
        assert!(!needed(&image("6", "e")));
    }
}
