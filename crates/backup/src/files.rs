//! What of a data directory belongs into a backup: what cannot be made again, and what old clients know.
//!
//! The store is not among it, since a running server has it open: its keys come from a snapshot. What nodes keep (images,
//! pods, volumes) is theirs.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki::Certificate;

use crate::record::{FileRole, SavedFile};

/// Folders that are saved whole, and what is in them.
const FOLDERS: [(&str, FileRole); 2] = [("pki", FileRole::Pki), ("encryption", FileRole::EncryptionKey)];

/// Files that are saved.
const FILES: [(&str, FileRole); 1] = [("node-token", FileRole::Token)];

/// How deep folders are gone into.
const MAX_DEPTH: usize = 8;

/// The files of a data directory that belong into a backup, in the order of their paths.
pub fn collect(data_dir: &Path) -> io::Result<Vec<SavedFile>> {
    let mut files = Vec::new();
    for (name, role) in FOLDERS {
        folder(data_dir, Path::new(name), role, MAX_DEPTH, &mut files)?;
    }
    for (name, role) in FILES {
        if let Some(file) = file(data_dir, Path::new(name), role)? {
            files.push(file);
        }
    }
    for entry in fs::read_dir(data_dir)? {
        let name = entry?.file_name();
        let path = Path::new(&name);
        if path.extension().is_some_and(|extension| extension == "conf") {
            files.extend(file(data_dir, path, FileRole::Pki)?);
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn folder(
    data_dir: &Path,
    path: &Path,
    role: FileRole,
    depth: usize,
    files: &mut Vec<SavedFile>,
) -> io::Result<()> {
    let entries = match fs::read_dir(data_dir.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = path.join(entry.file_name());
        // Hidden files are what is being written.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if data_dir.join(&path).is_dir() {
            if depth > 0 {
                folder(data_dir, &path, role, depth - 1, files)?;
            }
        } else if let Some(file) = file(data_dir, &path, role)? {
            files.push(file);
        }
    }
    Ok(())
}

fn file(data_dir: &Path, path: &Path, role: FileRole) -> io::Result<Option<SavedFile>> {
    let whole = data_dir.join(path);
    let found = fs::read(&whole).and_then(|content| Ok((content, fs::metadata(&whole)?)));
    match found {
        // It was removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("{}: {error}", whole.display()),
        )),
        Ok((content, metadata)) => Ok(Some(SavedFile {
            role,
            path: path.to_string_lossy().into_owned(),
            mode: metadata.permissions().mode() & 0o777,
            content: content.into(),
        })),
    }
}

/// Which cluster a data directory is of: SHA-256 of the public key of its authority. None if it has no readable one.
pub fn cluster_of(data_dir: &Path) -> Option<String> {
    let pem = fs::read_to_string(data_dir.join("pki/ca.crt")).ok()?;
    Some(Certificate::from_pem(&pem).ok()?.public_key_hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_saved_and_what_nodes_keep_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        for path in [
            "pki/ca.crt",
            "pki/etcd/ca.crt",
            "pki/.ca.key.new",
            "node-token",
            "admin.conf",
            "lock",
            "store/FORMAT",
            "agent/x.conf",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "x").expect("written");
        }
        let files = collect(folder.path()).expect("read");
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            paths,
            ["admin.conf", "node-token", "pki/ca.crt", "pki/etcd/ca.crt"]
        );
        assert_eq!(cluster_of(folder.path()), None);
    }
}
