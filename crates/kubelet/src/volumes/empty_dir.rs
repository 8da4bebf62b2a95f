//! Folders that live as long as their pod.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::EmptyDirVolumeSource;
use meta::Quantity;

use super::make_folder;
use super::ownership::Ownership;
use super::setup::Setup;
use crate::pod::resources::Claims;

const PLUGIN: &str = "kubernetes.io/empty-dir";

/// Makes one, on the disk or in memory.
pub async fn make(setup: Setup<'_>, name: &str, source: &EmptyDirVolumeSource) -> Result<PathBuf, String> {
    let folder = setup.node.pod(setup.pod.uid()).volume(PLUGIN, name);
    let text = |error: std::io::Error| error.to_string();
    make_folder(&folder, 0o777).map_err(text)?;
    match source.medium.as_deref().unwrap_or_default() {
        "" => {}
        "Memory" => setup
            .mounter
            .tmpfs(&folder, memory_size(setup, source))
            .map_err(text)?,
        medium => {
            return Err(format!(
                "emptyDir on the medium {medium:?} is not supported by this node"
            ));
        }
    }
    let ownership = Ownership::of(setup.pod, false);
    let at = folder.clone();
    let applied = tokio::task::spawn_blocking(move || ownership.apply(&at)).await;
    applied.map_err(|error| error.to_string())?.map_err(text)?;
    Ok(folder)
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
