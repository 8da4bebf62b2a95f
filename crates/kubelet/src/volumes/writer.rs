//! Files that change all at once: whoever reads them sees all of the old ones or all of the new ones.
//!
//! The files are in a folder of their own; `..data` is a link to it, and what users see are links through `..data`.
//! Turning that one link is the change. The layout is upstream's, and programs that watch such folders know it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Files by path, relative to the volume.
pub type Files = BTreeMap<String, File>;

/// A file that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub content: Vec<u8>,
    pub mode: u32,
    /// Whom it belongs to, if not to the kubelet's user.
    pub user: Option<u32>,
}

impl File {
    pub fn new(content: impl Into<Vec<u8>>, mode: i32) -> Self {
        Self {
            content: content.into(),
            mode: u32::try_from(mode).unwrap_or(0o644) & 0o7777,
            user: None,
        }
    }
}

/// Makes the volume's files be exactly these. `prepare` is applied to the new folder before anyone sees it. Whether
/// anything changed.
pub fn write(
    volume: &Path,
    files: &Files,
    prepare: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<bool> {
    let data = volume.join(DATA);
    let before = fs::read_link(&data).ok();
    if before.is_some() && is_same(&data, files)? {
        // A kubelet that ended in between may have left links undone.
        link_all(volume, files)?;
        return Ok(false);
    }
    let fresh = fresh_folder(volume)?;
    write_all(&fresh, files)?;
    prepare(&fresh)?;
    let name = fresh
        .file_name()
        .ok_or_else(|| io::Error::other("a folder has a name"))?;
    let turned = volume.join(NEW_DATA);
    remove_if_there(&turned)?;
    symlink(name, &turned)?;
    fs::rename(&turned, &data)?;
    link_all(volume, files)?;
    if let Some(before) = before {
        fs::remove_dir_all(volume.join(before))?;
    }
    Ok(true)
}

/// A folder named by the time.
fn fresh_folder(volume: &Path) -> io::Result<PathBuf> {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let name = format!(
        "..{}.{:09}",
        now.strftime("%Y_%m_%d_%H_%M_%S"),
        now.subsec_nanosecond()
    );
    let folder = volume.join(name);
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn write_all(folder: &Path, files: &Files) -> io::Result<()> {
    for (path, file) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            make_folders(folder, parent)?;
        }
        fs::write(&path, &file.content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        if file.user.is_some() {
            chown(&path, file.user, None)?;
        }
    }
    Ok(())
}

fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(root, parent)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn is_same(data: &Path, files: &Files) -> io::Result<bool> {
    let mut found = BTreeSet::new();
    list(data, Path::new(""), &mut found)?;
    if found.len() != files.len() {
        return Ok(false);
    }
    for (path, file) in files {
        if !found.contains(Path::new(path)) || fs::read(data.join(path))? != file.content {
            return Ok(false);
        }
    }
    Ok(true)
}

fn list(root: &Path, below: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => list(root, &path, found)?,
            false => {
                found.insert(path);
            }
        }
    }
    Ok(())
}

/// What users see: a link for the first part of each path, and nothing else.
fn link_all(volume: &Path, files: &Files) -> io::Result<()> {
    let first = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
    let wanted: BTreeSet<String> = files.keys().map(first).collect();
    for name in &wanted {
        let link = volume.join(name);
        let target = Path::new(DATA).join(name);
        if fs::read_link(&link).is_ok_and(|existing| existing == target) {
            continue;
        }
        remove_if_there(&link)?;
        symlink(target, link)?;
    }
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !wanted.contains(&name) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let file = |(path, content): &(&str, &str)| ((*path).to_owned(), File::new(*content, 0o640));
        list.iter().map(file).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with(".."))
            .collect();
        names.sort();
        names
    }

    fn set(volume: &Path, list: &[(&str, &str)]) -> bool {
        write(volume, &files(list), |_| Ok(())).unwrap()
    }

    #[test]
    fn files_change_all_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path();
        assert!(set(volume, &[("a", "1"), ("b/c", "2"), ("b/d/e", "3")]));
        assert_eq!(names(volume), ["a", "b"]);
        assert_eq!(fs::read_link(volume.join("a")).unwrap(), Path::new("..data/a"));
        assert_eq!(fs::read_to_string(volume.join("b/d/e")).unwrap(), "3");
        let mode = fs::metadata(volume.join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        let before = fs::read_link(volume.join(DATA)).unwrap();

        assert!(!set(volume, &[("a", "1"), ("b/c", "2"), ("b/d/e", "3")]));
        assert_eq!(fs::read_link(volume.join(DATA)).unwrap(), before);

        assert!(set(volume, &[("a", "4"), ("f", "")]));
        assert_eq!(names(volume), ["a", "f"]);
        assert_eq!(fs::read_to_string(volume.join("a")).unwrap(), "4");
        assert!(!volume.join(before).exists());
        assert!(set(volume, &[]));
        assert!(names(volume).is_empty());
        assert!(!set(volume, &[]));
    }

    #[test]
    fn what_was_left_undone_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path();
        set(volume, &[("a", "1")]);
        fs::remove_file(volume.join("a")).unwrap();
        symlink("nowhere", volume.join(NEW_DATA)).unwrap();
        assert!(!set(volume, &[("a", "1")]));
        assert_eq!(fs::read_to_string(volume.join("a")).unwrap(), "1");
        assert!(set(volume, &[("a", "2")]));
    }

    #[test]
    fn what_cannot_be_prepared_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path();
        set(volume, &[("a", "1")]);
        let failed = write(volume, &files(&[("a", "2")]), |_| Err(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(volume.join("a")).unwrap(), "1");
    }
}
