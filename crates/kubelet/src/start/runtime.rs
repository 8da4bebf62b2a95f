//! The container runtime a kubelet works with, started or found.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::images::ImageFolder;
use crate::config::{Config, RuntimeConfig};
use crate::containerd::{Containerd, ContainerdError, Machine};
use crate::cri::{ContainerRuntime, CriClient};
use crate::image::import::ImageImporter;
use crate::images::{ImageFolders, Images};
use crate::node::NodeShared;

/// How long a runtime that someone else looks after may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(200);

pub struct Runtime {
    pub cri: Arc<dyn ContainerRuntime>,
    /// What ids of containers begin with: `containerd`.
    pub name: String,
    /// None with a runtime that someone else looks after.
    importer: Option<ImageImporter>,
}

impl Runtime {
    pub async fn start(config: &Config, shutdown: &CancellationToken) -> Result<Self, StartError> {
        match &config.runtime {
            RuntimeConfig::External { socket } => Self::connect(socket, None).await,
            RuntimeConfig::Own {
                settings,
                search_path,
            } => {
                let folder = settings.layout.folder();
                std::fs::create_dir_all(folder).map_err(super::file_error(folder))?;
                let machine = Machine::inspect(search_path, folder).map_err(ContainerdError::from)?;
                let containerd = Containerd::start(settings.clone(), machine).await?;
                let importer = ImageImporter {
                    ctr: containerd.machine().ctr.clone(),
                    socket: containerd.socket(),
                    snapshotter: Some(containerd.machine().snapshotter.to_owned()),
                };
                let socket = containerd.socket();
                tokio::spawn(containerd.supervise(shutdown.clone()));
                Self::connect(&socket, Some(importer)).await
            }
        }
    }

    /// Waits for the first answer.
    async fn connect(socket: &Path, importer: Option<ImageImporter>) -> Result<Self, StartError> {
        let cri = CriClient::new(socket);
        let mut reason = "no answer".to_owned();
        let answer = timeout(ANSWER_TIMEOUT, async {
            loop {
                match cri.version().await {
                    Ok(version) => return version,
                    Err(error) => reason = error.to_string(),
                }
                sleep(RETRY).await;
            }
        });
        match answer.await {
            Ok(version) => Ok(Self {
                cri: Arc::new(cri),
                name: version.runtime_name,
                importer,
            }),
            Err(_) => Err(StartError::Runtime {
                socket: socket.to_owned(),
                reason,
            }),
        }
    }

    /// Images as volumes; none if the runtime has no way to mount them.
    pub fn image_folders(&self, images: Images) -> Option<ImageFolders> {
        let importer = self.importer.as_ref()?;
        Some(ImageFolders {
            images,
            ctr: importer.ctr.clone(),
            socket: importer.socket.clone(),
            snapshotter: importer.snapshotter.clone()?,
        })
    }

    /// The images that are brought from files; none if nothing can be brought.
    pub fn images(&self, config: &Config, node: Arc<NodeShared>) -> Option<ImageFolder> {
        Some(ImageFolder {
            importer: self.importer.clone()?,
            runtime: self.cri.clone(),
            folder: config.images_dir.clone(),
            root_dir: config.root_dir.clone(),
            node,
        })
    }
}
