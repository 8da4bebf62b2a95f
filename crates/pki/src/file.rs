//! Private files: readable by their owner only, and never half written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::PkiError;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// Puts `content` in place at once: whoever reads sees the old file or the new one. `durable` files also survive a power
/// cut from here on; what can be made again need not wait for the disk.
pub fn write(path: &Path, content: &str, durable: bool) -> Result<(), PkiError> {
    replace(path, content, durable).map_err(|source| PkiError::File {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, content: &str, durable: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(folder)?;
    let temporary = temporary_name(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE)
        .open(&temporary)?;
    file.write_all(content.as_bytes())?;
    if durable {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    if durable {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// The text of a file; none if there is no such file.
pub fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PkiError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_private_and_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("pki/ca.key");
        assert_eq!(read(&path).expect("readable"), None);
        for (content, durable) in [("one", true), ("two", false)] {
            write(&path, content, durable).expect("written");
            assert_eq!(read(&path).expect("readable").as_deref(), Some(content));
        }
        let mode = |p: &Path| fs::metadata(p).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("pki")), 0o700);
        assert_eq!(
            fs::read_dir(folder.path().join("pki")).expect("listed").count(),
            1
        );
    }
}
