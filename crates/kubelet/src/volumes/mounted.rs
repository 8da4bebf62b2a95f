//! Volumes that are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The volumes of a pod, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountedVolumes {
    volumes: BTreeMap<String, MountedVolume>,
    groups: Vec<i64>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountedVolume {
    /// Where it is on the node.
    pub path: PathBuf,
    /// Whether no container may write to it.
    pub read_only: bool,
}

impl MountedVolumes {
    pub fn insert(&mut self, name: impl Into<String>, path: impl Into<PathBuf>, read_only: bool) {
        let volume = MountedVolume {
            path: path.into(),
            read_only,
        };
        self.volumes.insert(name.into(), volume);
    }

    /// Adds a group that containers need for a volume.
    pub fn add_group(&mut self, group: i64) {
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    pub fn get(&self, name: &str) -> Option<&MountedVolume> {
        self.volumes.get(name)
    }

    pub fn path(&self, name: &str) -> Option<&Path> {
        self.get(name).map(|volume| volume.path.as_path())
    }

    /// Groups that containers need for these volumes.
    pub fn groups(&self) -> &[i64] {
        &self.groups
    }
}
