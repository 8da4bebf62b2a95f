//! How a data directory that was put together gets to its place: in one step from beside it; or, where something is mounted there,
//! entry by entry from within it.
//!
//! The second way cannot be one step. While it goes on, a file says so, and nothing starts on such a directory; what fails is
//! taken back.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::output::sync_folder;

/// The lock of a data directory: a directory with nothing else in it is empty.
const LOCK: &str = "lock";

/// What every ext4 has at its root.
const LOST_AND_FOUND: &str = "lost+found";

/// The file that says that a restore into a directory is not finished.
pub const UNFINISHED: &str = "restore-unfinished";

/// What the names begin with of directories that are put together within their place, and of what was there before.
const WITHIN: &str = ".restoring-";
const BEFORE: &str = "before-restore-";

/// Where a data directory is put together, and where it will be.
#[derive(Debug)]
pub(super) struct Place {
    data_dir: PathBuf,
    /// Where it is put together: on the same file system.
    pub(super) workshop: PathBuf,
    is_mounted: bool,
}

impl Place {
    /// A place for what will be `data_dir`; the workshop is made.
    pub(super) fn prepare(data_dir: &Path) -> io::Result<Self> {
        let is_mounted = is_mount_point(data_dir);
        Self::prepare_as(data_dir, is_mounted)
    }

    fn prepare_as(data_dir: &Path, is_mounted: bool) -> io::Result<Self> {
        let process = std::process::id();
        let workshop = if is_mounted {
            data_dir.join(format!("{WITHIN}{process}"))
        } else {
            beside(data_dir, &format!("restoring-{process}"))
        };
        make_private(&workshop)?;
        Ok(Self {
            data_dir: data_dir.to_owned(),
            workshop,
            is_mounted,
        })
    }

    /// Puts the directory in its place, durably. What was there is moved aside; gives where it is now.
    pub(super) fn put(&self) -> io::Result<Option<PathBuf>> {
        if self.is_mounted {
            self.exchange_contents()
        } else {
            let aside = self.exchange_folders()?;
            sync_folder(&self.data_dir)?;
            Ok(aside)
        }
    }

    /// Removes what was put together. What cannot be removed is marked by its name as what it is.
    pub(super) fn abandon(&self) {
        let _ = fs::remove_dir_all(&self.workshop);
    }

    fn exchange_folders(&self) -> io::Result<Option<PathBuf>> {
        let mut aside = None;
        if has_data(&self.data_dir)? {
            let path = beside(&self.data_dir, &format!("{BEFORE}{}", stamp()));
            fs::rename(&self.data_dir, &path)?;
            aside = Some(path);
        } else if self.data_dir.exists() {
            // A lock alone is nobody's data; it is made anew by whoever opens the directory.
            let _ = fs::remove_file(self.data_dir.join(LOCK));
            fs::remove_dir(&self.data_dir)?;
        }
        if let Err(error) = fs::rename(&self.workshop, &self.data_dir) {
            if let Some(path) = &aside {
                fs::rename(path, &self.data_dir)?;
            }
            return Err(error);
        }
        Ok(aside)
    }

    fn exchange_contents(&self) -> io::Result<Option<PathBuf>> {
        let old = contents(&self.data_dir)?;
        let aside = (!old.is_empty()).then(|| self.data_dir.join(format!("{BEFORE}{}", stamp())));
        if let Some(aside) = &aside {
            make_private(aside)?;
        }
        let away = old.iter().filter_map(|name| {
            let aside = aside.as_ref()?;
            Some((self.data_dir.join(name), aside.join(name)))
        });
        let new = contents(&self.workshop)?;
        let here = new
            .iter()
            .map(|name| (self.workshop.join(name), self.data_dir.join(name)));
        let moves: Vec<_> = away.chain(here).collect();

        self.mark()?;
        let moved = rename_all(&moves).and_then(|()| {
            aside.iter().try_for_each(|aside| sync(aside))?;
            sync(&self.data_dir)
        });
        if let Err(error) = moved {
            // If even that fails, the mark stays.
            take_back(&moves)?;
            aside.iter().try_for_each(fs::remove_dir)?;
            self.unmark()?;
            return Err(error);
        }
        fs::remove_dir(&self.workshop)?;
        self.unmark()?;
        Ok(aside)
    }

    fn mark(&self) -> io::Result<()> {
        let mut file = File::create(self.data_dir.join(UNFINISHED))?;
        file.write_all(b"A cluster is being restored into this directory.\n")?;
        file.sync_all()?;
        sync(&self.data_dir)
    }

    fn unmark(&self) -> io::Result<()> {
        fs::remove_file(self.data_dir.join(UNFINISHED))?;
        sync(&self.data_dir)
    }
}

fn rename_all(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    moves.iter().try_for_each(|(from, to)| fs::rename(from, to))
}

/// Undoes the moves that were made.
fn take_back(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    let made = moves
        .iter()
        .rev()
        .filter(|(from, to)| fs::symlink_metadata(from).is_err() && fs::symlink_metadata(to).is_ok());
    made.into_iter().try_for_each(|(from, to)| fs::rename(to, from))
}

/// Whether something lies in a directory that somebody may want back.
pub(super) fn has_data(data_dir: &Path) -> io::Result<bool> {
    Ok(!contents(data_dir)?.is_empty() || data_dir.join(UNFINISHED).exists())
}

/// What is in a directory, without what is no data: its lock, what a file system has anyway, and what other restores left.
fn contents(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<OsString> = names.collect::<io::Result<_>>()?;
    names.retain(|name| !is_no_data(name));
    names.sort();
    Ok(names)
}

/// Whether a name in a data directory is that of something which is no data.
pub(super) fn is_no_data(name: &OsStr) -> bool {
    let begins_with = |prefix: &str| name.as_bytes().starts_with(prefix.as_bytes());
    [LOCK, LOST_AND_FOUND, UNFINISHED]
        .iter()
        .any(|known| name == *known)
        || begins_with(WITHIN)
        || begins_with(BEFORE)
}

/// Whether something is mounted there: then it can neither be renamed nor removed.
fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    let parent = path.parent().and_then(device);
    if device(path).is_some_and(|own| parent.is_some_and(|parent| parent != own)) {
        return true;
    }
    // A folder may be mounted elsewhere on the same file system: then only the kernel's table tells.
    let Ok(path) = fs::canonicalize(path) else {
        return false;
    };
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    mount_points(&table).any(|mounted| *mounted == *path.as_os_str().as_bytes())
}

/// The fifth field of each line; spaces and the like are written in octal there.
fn mount_points(table: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let lines = table.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4).map(unescaped))
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, behind)) = rest.split_first() {
        let octal = behind
            .get(..3)
            .filter(|_| byte == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    plain
}

fn stamp() -> String {
    Timestamp::now().strftime("%Y%m%dT%H%M%S.%fZ").to_string()
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

fn make_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is taken for a mount point, with a file and a folder put together for it.
    fn prepared(data_dir: &Path) -> Place {
        let place = Place::prepare_as(data_dir, true).expect("prepared");
        fs::write(place.workshop.join("node-token"), "new").expect("written");
        fs::create_dir(place.workshop.join("store")).expect("made");
        place
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn contents_go_into_a_mounted_directory() {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("lost+found")).expect("made");
        assert!(!has_data(folder.path()).expect("read"));
        let place = prepared(folder.path());
        assert!(!has_data(folder.path()).expect("read"));
        assert_eq!(place.put().expect("put"), None);
        assert_eq!(names(folder.path()), ["lost+found", "node-token", "store"]);
    }

    #[test]
    fn what_was_in_a_mounted_directory_is_kept_in_it() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["lock", "node-token", "scheduler.conf"] {
            fs::write(folder.path().join(name), "old").expect("written");
        }
        let aside = prepared(folder.path()).put().expect("put").expect("moved aside");
        assert_eq!(aside.parent(), Some(folder.path()));
        assert_eq!(names(&aside), ["node-token", "scheduler.conf"]);
        let token = |folder: &Path| fs::read_to_string(folder.join("node-token")).expect("there");
        assert_eq!(
            (token(folder.path()), token(&aside)),
            ("new".into(), "old".into())
        );
        // It is kept again.
        let again = prepared(folder.path()).put().expect("put").expect("moved aside");
        assert_eq!(names(&again), ["node-token", "store"]);
        assert!(aside.join("node-token").exists());
    }

    #[test]
    fn what_fails_on_the_way_is_taken_back() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("node-token"), "old").expect("written");
        let place = prepared(folder.path());
        let before = names(folder.path());
        // The last move fails: there is no such thing.
        let moves = [
            (folder.path().join("node-token"), folder.path().join("aside")),
            (
                place.workshop.join("node-token"),
                folder.path().join("node-token"),
            ),
            (place.workshop.join("missing"), folder.path().join("missing")),
        ];
        rename_all(&moves).expect_err("missing");
        take_back(&moves).expect("taken back");
        assert_eq!(names(folder.path()), before);
        assert_eq!(
            fs::read_to_string(folder.path().join("node-token")).expect("there"),
            "old"
        );
        place.abandon();
        assert_eq!(names(folder.path()), ["node-token"]);
    }

    #[test]
    fn a_directory_that_is_not_finished_has_data() {
        let folder = tempfile::tempdir().expect("folder");
        prepared(folder.path()).mark().expect("marked");
        assert!(has_data(folder.path()).expect("read"));
    }

    #[test]
    fn mount_points_are_told_from_folders() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(!is_mount_point(folder.path()) && !is_mount_point(&folder.path().join("missing")));
        assert!(is_mount_point(Path::new("/proc")));
        let table =
            b"22 27 0:20 / /proc rw - proc proc rw\n31 27 8:1 /x /mnt/a\\040b\\134c rw - ext4 /dev/sda1 rw\n";
        let found: Vec<_> = mount_points(table).collect();
        assert_eq!(found, [b"/proc".to_vec(), b"/mnt/a b\\c".to_vec()]);
    }
}
