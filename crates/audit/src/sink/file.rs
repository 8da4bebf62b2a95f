//! A file that is put aside when it is full, and begun anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::housekeeping::{Keeping, put_aside_name};
use crate::options::LogOptions;

const MEGABYTE: u64 = 1 << 20;

/// How large a file becomes, and what becomes of those put aside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Bytes of the file at most; none: it is never put aside.
    pub(super) max_bytes: Option<u64>,
    pub(super) keeping: Keeping,
}

impl Limits {
    pub(super) fn of(options: &LogOptions) -> Self {
        let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
        Self {
            max_bytes: positive(options.max_size).map(|megabytes| megabytes * MEGABYTE),
            keeping: Keeping {
                max_files: positive(options.max_backups),
                max_days: positive(options.max_age),
                compress: options.compress,
            },
        }
    }
}

/// A file that only grows, up to its limit.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    limits: Limits,
    file: File,
    bytes: u64,
}

impl RotatingFile {
    /// Opens a file, or makes it with its folder, for the eyes of its owner only.
    pub(super) fn open(path: PathBuf, limits: Limits) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = open(&path)?;
        let bytes = file.metadata()?.len();
        if limits.max_bytes.is_some() {
            limits.keeping.begin(&path);
        }
        Ok(Self {
            path,
            limits,
            file,
            bytes,
        })
    }

    /// Appends a line, to a new file if it does not fit into this one.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if let Some(max) = self.limits.max_bytes {
            if length > max {
                let why = format!("write length {length} exceeds maximum file size {max}");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
            }
            if self.bytes + length > max {
                self.rotate()?;
            }
        }
        self.file.write_all(line)?;
        self.bytes += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let aside = put_aside_name(&self.path, Timestamp::now());
        match fs::rename(&self.path, aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.file = open(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        self.limits.keeping.begin(&self.path);
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_full_file_is_put_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made/audit.log");
        let limits = Limits {
            max_bytes: Some(10),
            ..Limits::default()
        };
        let mut file = RotatingFile::open(path.clone(), limits).expect("a file");
        assert_eq!(
            fs::metadata(&path).expect("a file").permissions().mode() & 0o777,
            0o600
        );
        for line in ["12345\n", "678\n", "90\n"] {
            file.write(line.as_bytes()).expect("written");
        }
        assert_eq!(fs::read_to_string(&path).expect("a file"), "90\n");
        let names = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
        let mut all: Vec<String> = names
            .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a file"))
            .collect();
        all.sort();
        assert_eq!(all, ["12345\n678\n", "90\n"]);
        assert!(file.write(b"12345678901").is_err(), "larger than a file may be");
    }

    #[test]
    fn what_is_there_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        fs::write(&path, "123456").expect("written");
        let limits = Limits {
            max_bytes: Some(8),
            ..Limits::default()
        };
        let mut file = RotatingFile::open(path.clone(), limits).expect("a file");
        file.write(b"789").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "789");
    }
}
