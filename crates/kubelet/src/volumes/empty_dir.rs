//! Folders that live as long as their pod.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::EmptyDirVolumeSource;
use meta::Quantity;

use super::make_folder;
use super::ownership::Ownership;
use super::setup::Setup;
use crate::container::NodeSettings;
use crate::pod::PodToRun;
use crate::pod::resources::Claims;

const PLUGIN: &str = "kubernetes.io/empty-dir";

/// Makes one, on the disk or in memory.
pub async fn make(setup: Setup<'_>, name: &str, source: &EmptyDirVolumeSource) -> Result<PathBuf, String> {
    let folder = setup.node.pod(setup.pod.uid()).volume(PLUGIN, name);
    let text = |error: std::io::Error| error.to_string();
    let mut is_new = make_folder(&folder, 0o777).map_err(text)?;
    match source.medium.as_deref().unwrap_or_default() {
        "" => {}
        "Memory" => {
            let size = memory_size(setup, source);
            is_new |= setup.mounter.tmpfs(&folder, size).map_err(text)?;
        }
        medium => {
            return Err(format!(
                "emptyDir on the medium {medium:?} is not supported by this node"
            ));
        }
    }
    // What is in it belongs to the pod's containers; nothing of theirs is looked into, and what they did to the folder
    // itself stays.
    let ownership = Ownership::of(setup.pod, false);
    if is_new || !ownership.is_owner(&folder).map_err(text)? {
        ownership.apply_to(&folder).map_err(text)?;
    }
    Ok(folder)
}

/// Why a pod must be ended for what its folders hold, if so: the message of its failure, whose reason is `Evicted`. Reads
/// whole folders.
pub fn exceeded(pod: &PodToRun, node: &NodeSettings) -> Option<String> {
    let volumes = pod.spec().volumes.iter().flatten();
    volumes.into_iter().find_map(|volume| {
        let source = volume.empty_dir.as_ref()?;
        let text = source.size_limit.as_ref()?.0.as_str();
        let limit = Quantity::parse(text).ok().filter(|limit| !limit.is_zero())?;
        let used = disk_use(&node.pod(pod.uid()).volume(PLUGIN, &volume.name));
        let is_over = i64::try_from(used).unwrap_or(i64::MAX) > limit.value();
        is_over.then(|| {
            format!(
                "Usage of EmptyDir volume {:?} exceeds the limit {text:?}. ",
                volume.name
            )
        })
    })
}

/// The bytes a folder takes on the disk. What vanishes meanwhile takes none.
fn disk_use(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    // The kernel counts in blocks of this size, whatever the file system.
    let own = metadata.blocks() * 512;
    if !metadata.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| disk_use(&entry.path())).sum::<u64>()
}

/// In bytes: the least of what the volume, the pod and the node allow.
fn memory_size(setup: Setup<'_>, source: &EmptyDirVolumeSource) -> Option<i64> {
    let own = source
        .size_limit
        .as_ref()
        .and_then(|limit| Quantity::parse(&limit.0).ok());
    let limits = [
        own.map(Quantity::value),
        Claims::of_pod(setup.pod.spec()).limits.memory_bytes,
        Some(setup.node.allocatable.memory_bytes),
    ];
    limits.into_iter().flatten().filter(|bytes| *bytes > 0).min()
}
