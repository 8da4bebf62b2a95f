//! Images from files: the one sandboxes are made from, and those in the user's folder.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use client::controller::Chain;
use futures::StreamExt;
use inotify::{Inotify, WatchMask};
use tokio_util::sync::CancellationToken;

use crate::cri::ContainerRuntime;
use crate::image::import::{ImageImporter, ImportError};
use crate::image::{PAUSE_IMAGE, write_pause_image};
use crate::node::NodeShared;

/// The pause before a folder that vanished is followed anew.
const RETRY: Duration = Duration::from_secs(2);

/// Where it is noted what was imported.
pub fn import_record(root_dir: &Path) -> PathBuf {
    root_dir.join("imported-images.json")
}

pub struct ImageFolder {
    pub importer: ImageImporter,
    pub runtime: Arc<dyn ContainerRuntime>,
    pub folder: Option<PathBuf>,
    /// Where what was imported is noted.
    pub root_dir: PathBuf,
    pub node: Arc<NodeShared>,
}

impl ImageFolder {
    /// Imports what is not there yet.
    pub async fn import(&self) {
        if let Err(error) = self.import_pause().await {
            tracing::error!(error = %Chain(&error), "the image of sandboxes was not imported");
        }
        self.import_folder().await;
    }

    async fn import_folder(&self) {
        let Some(folder) = &self.folder else { return };
        let record = import_record(&self.root_dir);
        let present = self.present().await;
        let imported = self
            .importer
            .import_folder(folder, &record, |name| present.contains(name))
            .await;
        if let Err(error) = imported {
            tracing::error!(error = %Chain(&error), "images were not imported");
        }
        self.node.poke();
    }

    /// The names of all images.
    async fn present(&self) -> BTreeSet<String> {
        let images = self.runtime.list_images().await.unwrap_or_default();
        let names = images
            .into_iter()
            .flat_map(|image| image.repo_tags.into_iter().chain(image.repo_digests));
        names.collect()
    }

    async fn is_present(&self, name: &str) -> bool {
        matches!(self.runtime.image_status(name).await, Ok(Some(_)))
    }

    async fn import_pause(&self) -> Result<(), ImportError> {
        if self.is_present(PAUSE_IMAGE).await {
            return Ok(());
        }
        let archive = self.root_dir.join("pause.tar");
        write_pause_image(&archive).map_err(|source| ImportError::File {
            path: archive.clone(),
            source,
        })?;
        self.importer.import_patiently(&archive).await?;
        // It is of no further use; left over it does no harm.
        let _ = std::fs::remove_file(&archive);
        Ok(())
    }

    /// Imports what appears in the folder, until the token fires.
    pub async fn follow(self, shutdown: CancellationToken) {
        let Some(folder) = self.folder.clone() else { return };
        let follow = async {
            loop {
                if let Err(error) = self.follow_folder(&folder).await {
                    tracing::warn!(folder = %folder.display(), %error, "images cannot be followed");
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        shutdown.run_until_cancelled(follow).await;
    }

    async fn follow_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let inotify = Inotify::init()?;
        let mask =
            WatchMask::CLOSE_WRITE | WatchMask::MOVED_TO | WatchMask::DELETE_SELF | WatchMask::MOVE_SELF;
        inotify.watches().add(folder, mask)?;
        let mut events = inotify.into_event_stream([0; 4096])?;
        while folder.is_dir() {
            self.import_folder().await;
            if events.next().await.transpose()?.is_none() {
                break;
            }
        }
        Ok(())
    }
}
