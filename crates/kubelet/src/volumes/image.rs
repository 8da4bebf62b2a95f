//! Images as volumes: what is in them, to be read only.
//!
//! An image is brought when a container that sees it starts, so that one that cannot be brought keeps no other container
//! waiting, and is told of as a container's own image is.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Volume;

use super::{Volumes, make_folder};
use crate::container::NodeSettings;
use crate::cri::message::PodSandboxConfig;
use crate::images::{FolderError, Report};
use crate::pod::{Member, PodToRun};

const PLUGIN: &str = "kubernetes.io/image";

/// Makes the folder where the image will be.
pub fn make(node: &NodeSettings, pod: &PodToRun, name: &str) -> Result<PathBuf, String> {
    let folder = node.pod(pod.uid()).volume(PLUGIN, name);
    make_folder(&folder, 0o755).map_err(|error| error.to_string())?;
    Ok(folder)
}

impl Volumes {
    /// Brings the images that a container sees as volumes, and mounts those that are not mounted yet.
    pub async fn mount_images(
        &self,
        pod: &PodToRun,
        member: &Member,
        sandbox: &PodSandboxConfig,
        report: Report<'_>,
    ) -> Result<(), FolderError> {
        for volume in pod.spec().volumes.iter().flatten() {
            if volume.image.is_some() && member.sees(&volume.name) {
                self.mount_image(pod, volume, sandbox, report).await?;
            }
        }
        Ok(())
    }

    async fn mount_image(
        &self,
        pod: &PodToRun,
        volume: &Volume,
        sandbox: &PodSandboxConfig,
        report: Report<'_>,
    ) -> Result<(), FolderError> {
        let (Some(images), Some(source)) = (&self.images, &volume.image) else {
            return Ok(());
        };
        let failed = |error: std::io::Error| FolderError::Mount(error.to_string());
        let folder = self.node.pod(pod.uid()).volume(PLUGIN, &volume.name);
        if self.mounter.is_mounted(&folder).map_err(failed)? {
            return Ok(());
        }
        let reference = source.reference.as_deref().unwrap_or_default();
        let image = (reference, source.pull_policy.as_deref());
        images.mount(pod, image, &folder, sandbox, report).await?;
        self.mounter.protect(&folder).map_err(failed)
    }
}
