//! What a container sees mounted.

use k8s_openapi::api::core::v1::VolumeMount;

use crate::cri::message::{Mount, MountPropagation};
use crate::pod::{Member, PodToRun};
use crate::volumes::MountedVolumes;

use super::env::{Variables, expand::expand};
use super::error::ConfigError;
use super::settings::PodFolder;
use super::{hosts, subpath};

/// Everything a container's mounts depend on.
#[derive(Clone, Copy)]
pub struct Mounts<'a> {
    pub pod: &'a PodToRun,
    pub member: &'a Member,
    pub volumes: &'a MountedVolumes,
    pub variables: &'a Variables,
    pub folder: &'a PodFolder,
}

impl Mounts<'_> {
    /// The mounts of volumes. Parts of volumes are made and mounted for the container first.
    pub fn of_volumes(self) -> Result<Vec<Mount>, ConfigError> {
        if let Some(device) = self.member.container.volume_devices.iter().flatten().next() {
            return Err(ConfigError::config(format!(
                "volume {:?} as a block device is not supported here",
                device.name
            )));
        }
        let mounts = self.member.container.volume_mounts.iter().flatten();
        mounts
            .enumerate()
            .map(|(index, mount)| self.mount(index, mount))
            .collect()
    }

    fn mount(self, index: usize, mount: &VolumeMount) -> Result<Mount, ConfigError> {
        let name = self.member.name();
        let volume = self.volumes.get(&mount.name).ok_or_else(|| {
            ConfigError::config(format!(
                "cannot find volume {:?} to mount into container {name:?}",
                mount.name
            ))
        })?;
        if mount.recursive_read_only.as_deref() == Some("Enabled") {
            return Err(ConfigError::config(format!(
                "failed to resolve recursive read-only mode: volumeMount {:?} requested recursive read-only mode, but \
                 it is not supported by the runtime",
                mount.name
            )));
        }
        let host_path = match self.part(mount)? {
            None => volume.path.clone(),
            Some(part) => {
                let target = self.folder.subpath(&mount.name, name, index);
                subpath::bind(&volume.path, part.as_ref(), &target).map_err(|error| {
                    tracing::warn!(pod = self.pod.described(), part, %error, "subPath not mounted");
                    let message = format!(
                        "failed to prepare subPath for volumeMount {:?} of container {name:?}",
                        mount.name
                    );
                    // Parts of images are the runtime's concern elsewhere, and so are told as its failures.
                    match self.is_image(&mount.name) {
                        true => ConfigError::container(message),
                        false => ConfigError::config(message),
                    }
                })?;
                target
            }
        };
        Ok(Mount {
            container_path: absolute(&mount.mount_path),
            host_path: host_path.to_string_lossy().into_owned(),
            readonly: mount.read_only == Some(true) || volume.read_only,
            propagation: propagation(mount) as i32,
            ..Mount::default()
        })
    }

    fn is_image(self, volume: &str) -> bool {
        let mut volumes = self.pod.spec().volumes.iter().flatten();
        volumes.any(|other| other.name == volume && other.image.is_some())
    }

    /// The part of the volume that is meant; none for all of it.
    fn part(self, mount: &VolumeMount) -> Result<Option<String>, ConfigError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let part = match (given(&mount.sub_path), given(&mount.sub_path_expr)) {
            (Some(part), _) => part,
            (None, Some(expression)) => self.expanded(&expression)?,
            (None, None) => return Ok(None),
        };
        match subpath::problem(&part) {
            Some(problem) => Err(ConfigError::config(problem)),
            None => Ok(Some(part)),
        }
    }

    /// Unlike elsewhere, every variable must be known.
    fn expanded(self, expression: &str) -> Result<String, ConfigError> {
        let missing = std::cell::RefCell::new(None);
        let expanded = expand(expression, |name| {
            let value = self.variables.get(name).cloned();
            if value.is_none() {
                missing.borrow_mut().get_or_insert_with(|| name.to_owned());
            }
            value
        });
        match missing.into_inner() {
            Some(name) => Err(ConfigError::config(format!("missing value for {name:?}"))),
            None => Ok(expanded),
        }
    }

    /// Whether the container brings a hosts file of its own.
    pub fn has_own_hosts(self) -> bool {
        let mounts = self.member.container.volume_mounts.iter().flatten();
        mounts
            .into_iter()
            .any(|mount| absolute(&mount.mount_path) == hosts::HOSTS_PATH)
    }
}

fn absolute(path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    }
}

fn propagation(mount: &VolumeMount) -> MountPropagation {
    match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => MountPropagation::HostToContainer,
        Some("Bidirectional") => MountPropagation::Bidirectional,
        _ => MountPropagation::Private,
    }
}
