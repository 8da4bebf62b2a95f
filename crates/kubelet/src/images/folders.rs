//! Images as folders: their content, mounted to be looked at.
//!
//! The runtimes supported here have no call for it, but containerd's `ctr` command can mount an image. containerd counts
//! what is mounted so for a day; what it then forgets stays readable as long as the image is there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{ImageError, Images, Report};
use crate::cri::message::PodSandboxConfig;
use crate::pod::PodToRun;

/// Why an image is not there as a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// It is not on the node.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It could not be mounted.
    #[error("{0}")]
    Mount(String),
}

/// Mounts images of a containerd.
#[derive(Clone)]
pub struct ImageFolders {
    pub images: Images,
    /// Path of the `ctr` command.
    pub ctr: PathBuf,
    /// containerd's socket.
    pub socket: PathBuf,
    /// Into which snapshotter images are unpacked.
    pub snapshotter: String,
}

impl ImageFolders {
    /// Brings an image by name and pull policy, and mounts it at a folder.
    pub async fn mount(
        &self,
        pod: &PodToRun,
        image: (&str, Option<&str>),
        folder: &Path,
        sandbox: &PodSandboxConfig,
        report: Report<'_>,
    ) -> Result<(), FolderError> {
        let found = self.images.bring(pod, image, sandbox, report).await?;
        // What a mount before a restart of the machine has left would be in the way.
        let _ = self.run("unmount", &["--rm"], &[folder.as_os_str()]).await;
        self.run("mount", &[], &[found.id.as_ref(), folder.as_os_str()])
            .await
            .map_err(FolderError::Mount)
    }

    async fn run(&self, verb: &str, flags: &[&str], arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
        let output = Command::new(&self.ctr)
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", "k8s.io", "images", verb])
            .args(["--snapshotter", &self.snapshotter])
            .args(flags)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| format!("failed to run {}: {error}", self.ctr.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(errors.lines().last().unwrap_or("ctr said nothing").to_owned())
    }
}
