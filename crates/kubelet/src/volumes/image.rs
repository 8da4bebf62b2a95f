//! Images as volumes: what is in them, to be read only.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::ImageVolumeSource;

use super::make_folder;
use super::setup::Setup;

const PLUGIN: &str = "kubernetes.io/image";

/// Brings the image and mounts it.
pub async fn make(setup: Setup<'_>, name: &str, source: &ImageVolumeSource) -> Result<PathBuf, String> {
    let Some(images) = setup.images else {
        return Err("volumes of type image are not supported by this node".to_owned());
    };
    let folder = setup.node.pod(setup.pod.uid()).volume(PLUGIN, name);
    let text = |error: std::io::Error| error.to_string();
    make_folder(&folder, 0o755).map_err(text)?;
    if setup.mounter.is_mounted(&folder).map_err(text)? {
        return Ok(folder);
    }
    let reference = source.reference.as_deref().unwrap_or_default();
    let policy = source.pull_policy.as_deref();
    images.mount(setup.pod, (reference, policy), &folder).await?;
    setup.mounter.protect(&folder).map_err(text)?;
    Ok(folder)
}
