//! Where containerd's things lie on the disk.

use std::path::{Path, PathBuf};

/// The files and folders of one containerd, all below one folder.
#[derive(Clone, Debug)]
pub struct ContainerdLayout {
    folder: PathBuf,
}

impl ContainerdLayout {
    /// The layout below `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Images, snapshots and metadata: kept over restarts of the machine.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Running tasks and network namespaces: worthless after a restart of the machine.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What runc knows of running containers; like the state.
    pub fn runc(&self) -> PathBuf {
        self.folder.join("runc")
    }

    /// Where optional plugins of containerd would be installed.
    pub fn opt(&self) -> PathBuf {
        self.folder.join("opt")
    }

    /// The configuration that pintle writes.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// Registry mirrors and credentials, a folder per registry with a `hosts.toml`: the user's.
    pub fn registries(&self) -> PathBuf {
        self.folder.join("certs.d")
    }

    /// The socket that serves CRI and containerd's own services.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    /// The socket that shims report to.
    pub fn ttrpc_socket(&self) -> PathBuf {
        self.folder.join("containerd.sock.ttrpc")
    }

    /// The process and the boot it was started in.
    pub fn pid_file(&self) -> PathBuf {
        self.folder.join("containerd.pid")
    }

    /// What containerd says.
    pub fn log(&self) -> PathBuf {
        self.folder.join("containerd.log")
    }
}
