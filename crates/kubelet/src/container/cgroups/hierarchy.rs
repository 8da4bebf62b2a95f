//! The kernel's cgroup hierarchies: one for everything, or one per controller.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::resources::{CPU_PERIOD, cpu_weight};
use super::CgroupError;
use super::limits::Limits;

/// Controllers that are used where they are.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// Controllers the runtime may want to use in the groups below.
const DELEGATED: [&str; 6] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/// Whether all controllers are in the unified hierarchy.
pub fn is_unified(mount: &Path) -> bool {
    mount.join("cgroup.controllers").exists()
}

/// The hierarchies of a machine.
#[derive(Clone, Debug)]
pub enum Hierarchies {
    Unified(PathBuf),
    /// The folder of each controller that is there.
    PerController(Vec<(&'static str, PathBuf)>),
}

impl Hierarchies {
    pub fn detect(mount: &Path) -> Self {
        if is_unified(mount) {
            return Self::Unified(mount.to_owned());
        }
        let folder = |name: &'static str| {
            let folder = mount.join(name);
            folder.is_dir().then_some((name, folder))
        };
        Self::PerController(CONTROLLERS.into_iter().filter_map(folder).collect())
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Self::Unified(folder) => vec![folder],
            Self::PerController(folders) => folders.iter().map(|(_, folder)| folder.as_path()).collect(),
        }
    }

    /// Makes a group and those above it.
    pub fn make(&self, path: &str) -> Result<(), CgroupError> {
        for root in self.folders() {
            let group = below(root, path);
            fs::create_dir_all(&group).map_err(|source| failed("make", &group, source))?;
            if matches!(self, Self::Unified(_)) {
                delegate(root, path)?;
            }
        }
        Ok(())
    }

    /// Sets the limits of a group.
    pub fn limit(&self, path: &str, limits: &Limits) -> Result<(), CgroupError> {
        let files: Vec<(PathBuf, String)> = match self {
            Self::Unified(root) => with_folder(&below(root, path), unified_files(limits)),
            Self::PerController(folders) => folders
                .iter()
                .flat_map(|(name, root)| with_folder(&below(root, path), controller_files(name, limits)))
                .collect(),
        };
        for (file, value) in files {
            write(&file, &value)?;
        }
        Ok(())
    }

    /// Removes a group and what is in it; one that is not there is fine.
    pub fn remove(&self, path: &str) -> Result<(), CgroupError> {
        for root in self.folders() {
            let group = below(root, path);
            remove(&group).map_err(|source| failed("remove", &group, source))?;
        }
        Ok(())
    }

    /// The groups in a group, by name.
    pub fn children(&self, path: &str) -> BTreeSet<String> {
        let entries = self
            .folders()
            .into_iter()
            .filter_map(|root| fs::read_dir(below(root, path)).ok())
            .flat_map(Iterator::flatten);
        entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> CgroupError {
    CgroupError {
        action,
        path: path.to_owned(),
        source,
    }
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// In the unified hierarchy a controller works in a group only if every group above passes it on.
fn delegate(root: &Path, path: &str) -> Result<(), CgroupError> {
    let mut group = root.to_owned();
    let names = path.split('/').filter(|name| !name.is_empty());
    for name in names {
        let available = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
        let file = group.join("cgroup.subtree_control");
        for controller in available
            .split_whitespace()
            .filter(|name| DELEGATED.contains(name))
        {
            write(&file, &format!("+{controller}"))?;
        }
        group.push(name);
    }
    Ok(())
}

fn with_folder(folder: &Path, files: Vec<(&'static str, String)>) -> Vec<(PathBuf, String)> {
    let in_folder = |(name, value)| (folder.join(name), value);
    files.into_iter().map(in_folder).collect()
}

fn or_max(value: Option<i64>) -> String {
    value.map_or_else(|| "max".to_owned(), |value| value.to_string())
}

fn or_minus_one(value: Option<i64>) -> String {
    value.unwrap_or(-1).to_string()
}

fn unified_files(limits: &Limits) -> Vec<(&'static str, String)> {
    vec![
        ("cpu.weight", cpu_weight(limits.cpu_shares).to_string()),
        ("cpu.max", format!("{} {CPU_PERIOD}", or_max(limits.cpu_quota))),
        ("memory.max", or_max(limits.memory_bytes)),
        ("pids.max", or_max(limits.pids)),
    ]
}

fn controller_files(controller: &str, limits: &Limits) -> Vec<(&'static str, String)> {
    match controller {
        "cpu" => vec![
            ("cpu.shares", limits.cpu_shares.to_string()),
            ("cpu.cfs_period_us", CPU_PERIOD.to_string()),
            ("cpu.cfs_quota_us", or_minus_one(limits.cpu_quota)),
        ],
        "memory" => vec![("memory.limit_in_bytes", or_minus_one(limits.memory_bytes))],
        "pids" => vec![("pids.max", or_max(limits.pids))],
        _ => Vec::new(),
    }
}

/// A kernel without a file cannot limit that; everything else must work.
fn write(file: &Path, value: &str) -> Result<(), CgroupError> {
    match fs::OpenOptions::new().write(true).open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(mut opened) => io::Write::write_all(&mut opened, value.as_bytes()),
    }
    .map_err(|source| failed("limit", file, source))
}

fn remove(group: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(group) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path())?;
        }
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        cpu_shares: 1024,
        cpu_quota: Some(50_000),
        memory_bytes: Some(7),
        pids: None,
    };

    #[test]
    fn files_of_either_kind() {
        let text = |files: Vec<(&'static str, String)>| -> Vec<String> {
            files
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        assert_eq!(
            text(unified_files(&LIMITS)),
            [
                "cpu.weight=39",
                "cpu.max=50000 100000",
                "memory.max=7",
                "pids.max=max"
            ]
        );
        assert_eq!(
            text(controller_files("cpu", &LIMITS)),
            [
                "cpu.shares=1024",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000"
            ]
        );
        assert_eq!(
            text(controller_files("memory", &Limits::default())),
            ["memory.limit_in_bytes=-1"]
        );
    }

    #[test]
    fn controllers_are_passed_down() {
        let root = tempfile::tempdir().unwrap();
        let hierarchies = Hierarchies::Unified(root.path().to_owned());
        let group = |path: &str| {
            let folder = below(root.path(), path);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cgroup.controllers"), "cpu memory misc").unwrap();
            fs::write(folder.join("cgroup.subtree_control"), "").unwrap();
            folder
        };
        let (top, middle, leaf) = (group(""), group("a"), group("a/b"));
        hierarchies.make("/a/b").unwrap();
        let passed = |folder: &Path| fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap();
        // A plain file keeps the last word written to it.
        assert!(passed(&top).contains("+memory") && passed(&middle).contains("+memory"));
        assert_eq!(passed(&leaf), "");
    }
}
