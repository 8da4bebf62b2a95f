//! A file that is there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::BackupError;

/// What is put behind the name of a file that is being written.
pub(crate) const UNFINISHED: &str = ".partial";

/// Only its owner may read a backup: it has the keys of the cluster in it.
const MODE: u32 = 0o600;

/// A file that is being written beside its place. Unless it is [committed](Self::commit), it goes when it is dropped.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    written: u64,
    committed: bool,
}

impl Output {
    /// Begins to write what will be `path`.
    pub fn create(path: &Path) -> Result<Self, BackupError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(UNFINISHED);
        let partial = PathBuf::from(partial);
        if path.is_dir() {
            return Err(BackupError::write(&path.display().to_string())(
                io::ErrorKind::IsADirectory.into(),
            ));
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&partial)
            .map_err(BackupError::write(&path.display().to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            file: BufWriter::with_capacity(1 << 20, file),
            written: 0,
            committed: false,
        })
    }

    /// How many bytes were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Puts the file in its place, durably.
    pub fn commit(mut self) -> Result<(), BackupError> {
        let failed = BackupError::write(&self.path.display().to_string());
        self.file.flush().map_err(&failed)?;
        self.file.get_ref().sync_all().map_err(&failed)?;
        fs::rename(&self.partial, &self.path).map_err(&failed)?;
        self.committed = true;
        sync_folder(&self.path).map_err(&failed)
    }
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed is marked by its name as what it is.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_committed_and_not_before() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("b");
        let mut output = Output::create(&path).expect("created");
        output.write_all(b"x").expect("written");
        assert!(!path.exists());
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);

        let mut output = Output::create(&path).expect("created");
        output.write_all(b"y").expect("written");
        output.commit().expect("committed");
        assert_eq!(fs::read(&path).expect("there"), b"y");
        assert_eq!(
            fs::metadata(&path).expect("there").permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        for path in [folder.path().join("missing/b"), folder.path().to_owned()] {
            let error = Output::create(&path).expect_err("refused").to_string();
            assert!(error.contains(path.to_str().expect("text")), "{error}");
        }
    }

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        // Every write to it fails for want of space.
        let mut full = BufWriter::new(
            OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("Linux has it"),
        );
        let error = full
            .write_all(b"x")
            .and_then(|()| full.flush())
            .expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
