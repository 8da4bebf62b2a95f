//! What this machine has and allows: programs, capabilities, snapshotters.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Where programs of the system may lie that are not on a plain user's path.
const SYSTEM_FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin"];

/// What containerd's configuration depends on.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The `containerd` program.
    pub containerd: PathBuf,
    /// The `ctr` program.
    pub ctr: PathBuf,
    /// The `runc` program.
    pub runc: PathBuf,
    /// Which snapshotter works here.
    pub snapshotter: &'static str,
    /// Whether a process may be made less likely to be killed than its parent.
    pub may_lower_oom_score: bool,
}

/// A program that must be installed first.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{program} is not installed. Install it (Debian, Ubuntu: apt-get install containerd runc; Fedora: dnf install \
     containerd runc), or name a running container runtime with --container-runtime-endpoint"
)]
pub struct MissingProgram {
    program: &'static str,
}

impl Machine {
    /// Looks at this machine. `search_path` is a list of folders as in the variable `PATH`; layers of images will lie on
    /// the file system of `data_folder`.
    pub fn inspect(search_path: &OsStr, data_folder: &Path) -> Result<Self, MissingProgram> {
        let find = |program| find_program(search_path, program).ok_or(MissingProgram { program });
        Ok(Self {
            containerd: find("containerd")?,
            ctr: find("ctr")?,
            runc: find("runc")?,
            snapshotter: if overlay_works(data_folder) {
                "overlayfs"
            } else {
                "native"
            },
            may_lower_oom_score: has_capability(CAP_SYS_RESOURCE),
        })
    }
}

/// A program on the path, or where programs of the system lie.
pub fn find_program(search_path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(search_path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Whether an overlay can be mounted here. Asking the kernel for the file system type is not enough: overlays do not
/// stack on every file system, and not every user namespace may mount them.
fn overlay_works(folder: &Path) -> bool {
    let probe = folder.join(".overlay-probe");
    let works = mount_overlay(&probe).is_ok();
    // What is left over is empty folders.
    let _ = std::fs::remove_dir_all(&probe);
    works
}

fn mount_overlay(probe: &Path) -> std::io::Result<()> {
    let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| probe.join(name));
    for folder in [&lower, &upper, &work, &merged] {
        std::fs::create_dir_all(folder)?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    mount(
        Some("overlay"),
        &merged,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )?;
    umount2(&merged, MntFlags::MNT_DETACH)?;
    Ok(())
}

/// The number of the capability to raise resource limits and lower oom scores.
const CAP_SYS_RESOURCE: u32 = 24;

fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective_capabilities(&status) >> number & 1 == 1
}

fn effective_capabilities(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let missing = find_program(folder.path().as_os_str(), "no-such-program");
        assert_eq!(missing, None);
        let text = MissingProgram {
            program: "containerd",
        }
        .to_string();
        assert!(
            text.starts_with("containerd is not installed. Install it"),
            "{text}"
        );
        assert!(text.contains("apt-get install containerd runc"), "{text}");
    }

    #[test]
    fn capabilities_are_a_hexadecimal_set() {
        let status = "Name:\tx\nCapEff:\t0000000001000000\n";
        assert_eq!(effective_capabilities(status), 1 << CAP_SYS_RESOURCE);
        assert_eq!(effective_capabilities(""), 0);
    }
}
