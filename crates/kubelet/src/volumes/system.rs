//! File systems in memory, and what is mounted below a folder.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// How volumes that are not plain folders are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounter {
    /// By mounting.
    System,
    /// Not at all: folders on the disk stand for file systems in memory. For tests without privileges.
    #[cfg(test)]
    None,
}

impl Mounter {
    fn mounts(self) -> bool {
        self == Self::System
    }

    /// Mounts a file system in memory, unless one is there; of this size in bytes at most. Whether it is a new one.
    pub fn tmpfs(self, folder: &Path, size: Option<i64>) -> io::Result<bool> {
        if !self.mounts() || is_mount_point(folder)? {
            return Ok(false);
        }
        let mut options = "mode=0777".to_owned();
        if let Some(size) = size {
            options.push_str(&format!(",size={size}"));
        }
        mount(
            Some("tmpfs"),
            folder,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        )?;
        Ok(true)
    }

    /// Keeps what is mounted at a folder from being changed or run.
    pub fn protect(self, folder: &Path) -> io::Result<()> {
        if !self.mounts() {
            return Ok(());
        }
        let none = None::<&str>;
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOEXEC;
        mount(none, folder, none, flags, none)?;
        Ok(())
    }

    /// Whether something is mounted at a folder.
    pub fn is_mounted(self, folder: &Path) -> io::Result<bool> {
        if self.mounts() {
            is_mount_point(folder)
        } else {
            Ok(false)
        }
    }

    /// Makes mounts in a folder reach the copies that containers have of it, and back.
    pub fn share(self, folder: &Path) -> io::Result<()> {
        if !self.mounts() {
            return Ok(());
        }
        let none = None::<&str>;
        if !is_mount_point(folder)? {
            mount(
                Some(folder),
                folder,
                none,
                MsFlags::MS_BIND | MsFlags::MS_REC,
                none,
            )?;
        }
        mount(none, folder, none, MsFlags::MS_SHARED | MsFlags::MS_REC, none)?;
        Ok(())
    }

    /// Unmounts everything below a folder, then removes it. Nothing that is mounted is ever removed.
    pub fn remove_tree(self, folder: &Path) -> io::Result<()> {
        if self.mounts() {
            for point in points_below(folder)?.into_iter().rev() {
                umount2(&point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?;
            }
            if let Some(point) = points_below(folder)?.first() {
                return Err(io::Error::other(format!("{} is still mounted", point.display())));
            }
        }
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

fn is_mount_point(folder: &Path) -> io::Result<bool> {
    let folder = std::fs::canonicalize(folder)?;
    Ok(mount_points()?.contains(&folder))
}

/// What is mounted at a folder and below it, in the order in which it was mounted.
fn points_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = match std::fs::canonicalize(folder) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let points = mount_points()?.into_iter();
    Ok(points.filter(|point| point.starts_with(&folder)).collect())
}

fn mount_points() -> io::Result<Vec<PathBuf>> {
    Ok(parse(&std::fs::read_to_string("/proc/self/mountinfo")?))
}

/// The fifth field of each line.
fn parse(mountinfo: &str) -> Vec<PathBuf> {
    let fields = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    fields.map(unescaped).collect()
}

/// A space is `\040` there.
fn unescaped(field: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..3).and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(b'\\');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Node;

    #[test]
    fn mount_points_are_read() {
        let text = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:29 / /a\\040b\\134c rw shared:1 - x y z\n";
        assert_eq!(
            parse(text),
            [PathBuf::from("/sys/fs/cgroup"), PathBuf::from("/a b\\c")]
        );
    }

    #[test]
    fn what_is_mounted_is_unmounted_and_kept() {
        Node::run(
            "volumes::system::tests::what_is_mounted_is_unmounted_and_kept",
            async |node| {
                let (root, outside) = (node.path("root"), node.path("outside"));
                let pod = root.join("pod");
                for folder in [&pod.join("memory"), &pod.join("bound"), &outside] {
                    std::fs::create_dir_all(folder).unwrap();
                }
                std::fs::write(outside.join("file"), "kept").unwrap();
                let mounter = Mounter::System;
                mounter.share(&root).unwrap();
                mounter.share(&root).unwrap();
                mounter.tmpfs(&pod.join("memory"), Some(1 << 20)).unwrap();
                std::fs::write(pod.join("memory/file"), "x").unwrap();
                // A second time nothing is mounted over what is there.
                mounter.tmpfs(&pod.join("memory"), None).unwrap();
                assert!(pod.join("memory/file").exists());
                let none = None::<&str>;
                mount(Some(&outside), &pod.join("bound"), none, MsFlags::MS_BIND, none).unwrap();
                mount(Some(&outside), &pod.join("bound"), none, MsFlags::MS_BIND, none).unwrap();

                mounter.remove_tree(&pod).unwrap();
                assert!(!pod.exists() && points_below(&root).unwrap().len() == 1);
                assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "kept");
                mounter.remove_tree(&pod).unwrap();
            },
        );
    }
}
