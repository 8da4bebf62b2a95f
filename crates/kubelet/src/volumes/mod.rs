//! Volumes of pods: made before the containers, kept current while they run, taken away after them.

mod claim;
mod content;
mod empty_dir;
mod host_path;
mod image;
mod mounted;
mod ownership;
mod refresh;
mod setup;
mod system;
mod token;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::container::NodeSettings;
use crate::images::ImageFolders;
use crate::objects::Objects;
use crate::pod::PodToRun;

use setup::Setup;
pub(crate) use system::Mounter;
use token::Tokens;

pub use mounted::MountedVolumes;

/// Why a volume is not there. The text is that of the Event (a warning, reason `FailedMount`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?} : {message}")]
pub struct VolumeError {
    pub volume: String,
    pub message: String,
}

/// The volumes of a node's pods.
pub struct Volumes {
    node: Arc<NodeSettings>,
    objects: Arc<dyn Objects>,
    images: Option<ImageFolders>,
    mounter: Mounter,
    tokens: Tokens,
    pods: Mutex<HashMap<String, Arc<Entry>>>,
    /// Tokens were issued: the next renewal may be due earlier.
    rescheduled: Arc<Notify>,
    /// Ends the task that keeps them current.
    _refresh: DropGuard,
}

/// A pod whose volumes are there. The lock keeps its volumes from being worked on twice at a time.
#[derive(Default)]
struct Entry {
    pod: tokio::sync::Mutex<Option<PodToRun>>,
}

impl Volumes {
    /// Volumes below the node's root folder. Starts the task that keeps them current; it ends with the value.
    pub fn new(node: Arc<NodeSettings>, objects: Arc<dyn Objects>) -> Arc<Self> {
        Self::start(node, objects, None, Mounter::System)
    }

    /// The same, with images as volumes.
    pub fn with_images(
        node: Arc<NodeSettings>,
        objects: Arc<dyn Objects>,
        images: ImageFolders,
    ) -> Arc<Self> {
        Self::start(node, objects, Some(images), Mounter::System)
    }

    fn start(
        node: Arc<NodeSettings>,
        objects: Arc<dyn Objects>,
        images: Option<ImageFolders>,
        mounter: Mounter,
    ) -> Arc<Self> {
        let ended = CancellationToken::new();
        let volumes = Arc::new(Self {
            node,
            objects,
            images,
            mounter,
            tokens: Tokens::default(),
            pods: Mutex::default(),
            rescheduled: Arc::default(),
            _refresh: ended.clone().drop_guard(),
        });
        refresh::start(&volumes, ended);
        volumes
    }

    /// Makes the root folder such that mounts made in it reach containers, and those of containers reach the node.
    pub fn prepare_root(&self) -> io::Result<()> {
        std::fs::create_dir_all(self.node.pods_dir())?;
        self.mounter.share(&self.node.root_dir)
    }

    /// Makes the volumes of a pod, or brings those that are there up to date with what the pod says now. The objects the
    /// pod names are followed from here on, those its containers' environments name included.
    pub async fn mount(&self, pod: &PodToRun) -> Result<MountedVolumes, VolumeError> {
        self.objects.follow(pod);
        let entry = self.pods.lock().entry(pod.uid().to_owned()).or_default().clone();
        let mut current = entry.pod.lock().await;
        let setup = Setup {
            is_first: current.is_none(),
            ..self.setup(pod)
        };
        let mounted = setup.all().await;
        if mounted.is_ok() {
            *current = Some(pod.clone());
            self.rescheduled.notify_one();
        }
        mounted
    }

    /// Takes away the volumes of a pod, and its folder. What the volumes of the node or of claims hold stays.
    pub async fn unmount(&self, uid: &str) -> io::Result<()> {
        let entry = self.pods.lock().remove(uid);
        let _current = match &entry {
            Some(entry) => Some(entry.pod.lock().await),
            None => None,
        };
        self.objects.forget(uid);
        self.tokens.forget(uid);
        let (folder, mounter) = (self.node.pod(uid).path().to_owned(), self.mounter);
        let removed = tokio::task::spawn_blocking(move || mounter.remove_tree(&folder)).await;
        removed.map_err(io::Error::other)?
    }

    /// The pods that have a folder here, by uid: those of pods nobody knows are left over.
    pub fn on_disk(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.node.pods_dir())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    /// Why a pod must be ended for what its emptyDir volumes hold, if so: the message of its failure, whose reason is
    /// `Evicted`. Only pods with a limited one need to be looked at, and only now and then: it reads whole folders.
    pub async fn exceeded(&self, pod: &PodToRun) -> Option<String> {
        let (pod, node) = (pod.clone(), self.node.clone());
        let looked = tokio::task::spawn_blocking(move || empty_dir::exceeded(&pod, &node));
        looked.await.unwrap_or_default()
    }

    fn setup<'a>(&'a self, pod: &'a PodToRun) -> Setup<'a> {
        Setup {
            node: &self.node,
            objects: self.objects.as_ref(),
            has_images: self.images.is_some(),
            mounter: self.mounter,
            tokens: &self.tokens,
            pod,
            is_first: false,
        }
    }
}

/// Makes a folder with this very mode, whatever the process' mask. Whether it was not there before.
fn make_folder(path: &Path, mode: u32) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    if path.is_dir() {
        return Ok(false);
    }
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(true)
}

#[cfg(test)]
mod tests;
