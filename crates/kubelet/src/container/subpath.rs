//! Parts of volumes: opened so that no link leads out of the volume, whatever happens to it meanwhile.

use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2};

/// The kernel refuses what leads out of the folder.
fn open_within(folder: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(
        folder,
        path,
        flags | OFlags::CLOEXEC,
        Mode::empty(),
        resolve,
    )?)
}

fn open_folder(folder: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(CWD, folder, flags, Mode::empty(), ResolveFlags::empty())?)
}

/// Reads a text file of a volume.
pub fn read_within(folder: &Path, path: &str, max_bytes: u64) -> io::Result<String> {
    let folder = open_folder(folder)?;
    let file = File::from(open_within(&folder, Path::new(path), OFlags::RDONLY)?);
    let mut text = String::new();
    file.take(max_bytes).read_to_string(&mut text)?;
    Ok(text)
}

/// Opens a part of a volume, as a folder that is made if nothing is there.
fn open_or_make(folder: &Path, part: &Path) -> io::Result<OwnedFd> {
    let mode = std::fs::metadata(folder)?.permissions().mode();
    let root = open_folder(folder)?;
    match open_within(&root, part, OFlags::PATH) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let mut at = open_within(&root, Path::new("."), OFlags::PATH)?;
    let mut so_far = std::path::PathBuf::new();
    for component in part.components() {
        let Component::Normal(name) = component else {
            continue;
        };
        so_far.push(name);
        at = match open_within(&root, &so_far, OFlags::PATH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(&at, Path::new(name), mode)?;
                open_within(&root, &so_far, OFlags::PATH)?
            }
            other => other?,
        };
    }
    Ok(at)
}

/// Makes a folder with this very mode, whatever the process' mask.
fn make_folder(parent: &OwnedFd, name: &Path, mode: u32) -> io::Result<()> {
    match mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) => {}
        Err(error) if error == rustix::io::Errno::EXIST => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let made = open_within(parent, name, OFlags::RDONLY | OFlags::NOFOLLOW)?;
    File::from(made).set_permissions(Permissions::from_mode(mode & 0o7777))
}

/// Mounts a part of a volume at `target`, in place of what an earlier container had there.
pub fn bind(folder: &Path, part: &Path, target: &Path) -> io::Result<()> {
    let source = open_or_make(folder, part)?;
    let through = format!("/proc/self/fd/{}", source.as_raw_fd());
    unmount(target);
    make_target(target, std::fs::metadata(&through)?.is_dir())?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(through.as_str()), target, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

fn make_target(target: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return std::fs::create_dir_all(target);
    }
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    File::options().create(true).append(true).open(target).map(|_| ())
}

fn unmount(target: &Path) {
    // Nothing is mounted there the first time; what is there in the way otherwise shows when mounting.
    let _ = umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
}

/// Why a part of a volume is not one, if it is not.
pub fn problem(part: &str) -> Option<String> {
    let path = Path::new(part);
    if path.is_absolute() {
        return Some(format!("error SubPath `{part}` must not be an absolute path"));
    }
    let leaves = path.components().any(|c| c == Component::ParentDir);
    leaves.then(|| format!("unable to provision SubPath `{part}`: must not contain '..'"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_made_within() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        open_or_make(folder.path(), Path::new("a/b")).unwrap();
        let made = fs::metadata(folder.path().join("a/b")).unwrap();
        assert_eq!(made.permissions().mode() & 0o7777, 0o777);
        symlink("a", folder.path().join("inside")).unwrap();
        open_or_make(folder.path(), Path::new("inside/c")).unwrap();
        assert!(folder.path().join("a/c").is_dir());
    }

    #[test]
    fn no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let (volume, outside) = (folder.path().join("v"), folder.path().join("o"));
        fs::create_dir(&volume).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("f"), "secret").unwrap();
        symlink(&outside, volume.join("absolute")).unwrap();
        symlink("../o", volume.join("relative")).unwrap();
        for link in ["absolute", "relative", "absolute/new", "relative/f"] {
            assert!(open_or_make(&volume, Path::new(link)).is_err(), "{link}");
        }
        assert!(read_within(&volume, "relative/f", 10).is_err());
        fs::write(volume.join("f"), "text").unwrap();
        assert_eq!(read_within(&volume, "f", 2).unwrap(), "te");
    }

    #[test]
    fn parts_are_relative() {
        assert_eq!(problem("a/b"), None);
        assert_eq!(
            problem("/a").as_deref(),
            Some("error SubPath `/a` must not be an absolute path")
        );
        assert!(problem("a/../b").is_some());
    }
}
