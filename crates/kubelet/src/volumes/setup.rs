//! Making the volumes of one pod.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Volume;

use crate::container::NodeSettings;
use crate::objects::Objects;
use crate::pod::PodToRun;

use super::content::{Content, ContentSource};
use super::mounted::{MountedVolume, MountedVolumes};
use super::ownership::Ownership;
use super::system::Mounter;
use super::token::Tokens;
use super::{VolumeError, claim, empty_dir, host_path, image, make_folder, writer};

/// Folders of volumes can be used by whoever runs in the pod.
const FOLDER_MODE: u32 = 0o777;

/// Everything making volumes depends on.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub node: &'a NodeSettings,
    pub objects: &'a dyn Objects,
    /// Whether images can be volumes.
    pub has_images: bool,
    pub mounter: Mounter,
    pub tokens: &'a Tokens,
    pub pod: &'a PodToRun,
    /// Nothing was made for the pod yet by this kubelet: its containers do not run, as far as it knows.
    pub is_first: bool,
}

/// A volume that was made, and the group its claim asks for.
pub struct Made {
    pub volume: MountedVolume,
    pub group: Option<i64>,
}

impl Made {
    pub fn at(path: PathBuf) -> Self {
        let volume = MountedVolume {
            path,
            read_only: false,
        };
        Self { volume, group: None }
    }

    pub fn read_only_at(path: PathBuf) -> Self {
        let volume = MountedVolume {
            path,
            read_only: true,
        };
        Self { volume, group: None }
    }
}

impl Setup<'_> {
    /// Makes all volumes.
    pub async fn all(self) -> Result<MountedVolumes, VolumeError> {
        let mut mounted = MountedVolumes::default();
        for volume in self.pod.spec().volumes.iter().flatten() {
            let made = self.one(volume).await.map_err(|message| VolumeError {
                volume: volume.name.clone(),
                message,
            })?;
            mounted.insert(&volume.name, made.volume.path, made.volume.read_only);
            made.group.into_iter().for_each(|group| mounted.add_group(group));
        }
        Ok(mounted)
    }

    /// Writes anew what comes from objects and tokens.
    pub async fn refresh(self) -> Result<(), VolumeError> {
        for volume in self.pod.spec().volumes.iter().flatten() {
            let Some(source) = ContentSource::of(volume) else {
                continue;
            };
            self.content(&volume.name, source)
                .await
                .map_err(|message| VolumeError {
                    volume: volume.name.clone(),
                    message,
                })?;
        }
        Ok(())
    }

    async fn one(self, volume: &Volume) -> Result<Made, String> {
        if let Some(source) = ContentSource::of(volume) {
            let path = self.content(&volume.name, source).await?;
            // What would be written would be gone with the next change.
            return Ok(Made::read_only_at(path));
        }
        if let Some(source) = &volume.empty_dir {
            return empty_dir::make(self, &volume.name, source).await.map(Made::at);
        }
        if let Some(source) = &volume.host_path {
            return host_path::make(&source.path, source.type_.as_deref()).map(Made::at);
        }
        if volume.image.is_some() {
            if !self.has_images {
                return Err("volumes of type image are not supported by this node".to_owned());
            }
            return image::make(self.node, self.pod, &volume.name).map(Made::read_only_at);
        }
        if let Some(source) = &volume.persistent_volume_claim {
            let read_only = source.read_only == Some(true);
            return claim::make(self, &source.claim_name, read_only, None).await;
        }
        if volume.ephemeral.is_some() {
            let name = format!("{}-{}", self.pod.name(), volume.name);
            return claim::make(self, &name, false, Some(self.pod.uid())).await;
        }
        // Without any source a volume is an empty folder.
        match kind(volume) {
            None => empty_dir::make(self, &volume.name, &Default::default())
                .await
                .map(Made::at),
            Some(kind) => Err(format!("volumes of type {kind} are not supported by this node")),
        }
    }

    /// Writes a volume of files.
    async fn content(self, name: &str, source: ContentSource<'_>) -> Result<PathBuf, String> {
        let content = Content {
            pod: self.pod,
            node: self.node,
            objects: self.objects,
            tokens: self.tokens,
        };
        let files = content.collect(source).await?;
        let folder = self.node.pod(self.pod.uid()).volume(source.plugin(), name);
        let ownership = Ownership::of(self.pod, true);
        let write = || {
            make_folder(&folder, FOLDER_MODE)?;
            if source.is_secret() {
                self.mounter.tmpfs(&folder, None)?;
            }
            writer::write(&folder, &files, |fresh| ownership.apply(fresh))?;
            ownership.apply_to(&folder)
        };
        write().map_err(|error| error.to_string())?;
        Ok(folder)
    }
}

/// The kind of a volume that is none of those known here.
fn kind(volume: &Volume) -> Option<String> {
    let serde_json::Value::Object(fields) = serde_json::to_value(volume).ok()? else {
        return None;
    };
    fields
        .into_iter()
        .map(|(field, _)| field)
        .find(|field| field != "name")
}
