//! The seam to the file system: one flat folder of files.
//!
//! [`Disk`] is what the store needs of an operating system and nothing more, so that a simulated disk can
//! stand in for the real one and lose what a real one may lose. [`Folder`] and [`File`] put the failing
//! action and file into each error.

mod directory;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use store::StoreError;

pub use directory::Directory;

/// A folder of files. Names hold no separators.
///
/// What [`DiskFile::sync`] has not made durable may be lost in a crash, sector by sector and in any order; a
/// name that was made, changed or removed since the last [`Disk::sync`] may come back as it was before.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// The path of a file, for messages.
    fn path(&self, name: &str) -> PathBuf;

    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that exists.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, in place of the one that has the name, if there is one.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file a new name, in place of the one that has it, if there is one.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Whoever has it open still can use it.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is open.
pub trait DiskFile: fmt::Debug + Send + Sync + 'static {
    /// Reads up to the length of the buffer; less only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads like [`read_at`](Self::read_at) if that takes no waiting for the disk; `None` if it would, or
    /// if nobody can tell.
    fn read_cached_at(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }

    /// Writes all of the data.
    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the contents durable, and the size as far as it is needed to read them.
    fn sync(&self) -> io::Result<()>;

    /// How long the file is.
    fn size(&self) -> io::Result<u64>;

    /// Makes the file longer, filled with zeros, and takes the space from the disk; does not make it shorter.
    fn reserve(&self, size: u64) -> io::Result<()>;

    /// Cuts the file off.
    fn truncate(&self, size: u64) -> io::Result<()>;
}

/// A [`Disk`] whose errors say what failed.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
}

/// A [`DiskFile`] whose errors say what failed.
#[derive(Debug)]
pub(crate) struct File {
    file: Arc<dyn DiskFile>,
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }

    pub(crate) fn list(&self) -> Result<Vec<String>, StoreError> {
        self.disk
            .list()
            .map_err(|error| disk_error("listing", self.path(""), error))
    }

    pub(crate) fn open(&self, name: &str) -> Result<File, StoreError> {
        self.file("opening", name, self.disk.open(name))
    }

    pub(crate) fn create(&self, name: &str) -> Result<File, StoreError> {
        self.file("creating", name, self.disk.create(name))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.disk
            .rename(from, to)
            .map_err(|error| disk_error("renaming", self.path(from), error))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.disk
            .remove(name)
            .map_err(|error| disk_error("removing", self.path(name), error))
    }

    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.disk
            .sync()
            .map_err(|error| disk_error("syncing", self.path(""), error))
    }

    fn file(
        &self,
        action: &'static str,
        name: &str,
        file: io::Result<Arc<dyn DiskFile>>,
    ) -> Result<File, StoreError> {
        let path = self.path(name);
        match file {
            Ok(file) => Ok(File { file, path }),
            Err(error) => Err(disk_error(action, path, error)),
        }
    }
}

impl File {
    /// Reads exactly so many bytes. A file that is too short for that is corrupt.
    pub(crate) fn read_exact(&self, offset: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let mut buffer = vec![0; length];
        let read = self.read(&mut buffer, offset)?;
        if read < length {
            return Err(self.corrupt(offset + read as u64, "the file ends too early"));
        }
        Ok(buffer)
    }

    /// Fills the buffer if that takes no waiting for the disk; gives whether it did.
    pub(crate) fn fill_cached(&self, buffer: &mut [u8], offset: u64) -> Result<bool, StoreError> {
        match self.file.read_cached_at(buffer, offset) {
            Ok(read) => Ok(read == Some(buffer.len())),
            Err(error) => Err(self.error("reading", error)),
        }
    }

    /// Reads all of the file.
    pub(crate) fn read_all(&self) -> Result<Vec<u8>, StoreError> {
        let size = self.size()?;
        let mut buffer =
            vec![0; usize::try_from(size).map_err(|_| self.corrupt(0, "the file is too large"))?];
        let read = self.read(&mut buffer, 0)?;
        buffer.truncate(read);
        Ok(buffer)
    }

    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StoreError> {
        self.file
            .read_at(buffer, offset)
            .map_err(|error| self.error("reading", error))
    }

    pub(crate) fn write(&self, data: &[u8], offset: u64) -> Result<(), StoreError> {
        self.file
            .write_at(data, offset)
            .map_err(|error| self.error("writing", error))
    }

    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync().map_err(|error| self.error("syncing", error))
    }

    pub(crate) fn size(&self) -> Result<u64, StoreError> {
        self.file.size().map_err(|error| self.error("measuring", error))
    }

    pub(crate) fn reserve(&self, size: u64) -> Result<(), StoreError> {
        self.file
            .reserve(size)
            .map_err(|error| self.error("reserving", error))
    }

    pub(crate) fn truncate(&self, size: u64) -> Result<(), StoreError> {
        self.file
            .truncate(size)
            .map_err(|error| self.error("truncating", error))
    }

    /// The file is not what was written.
    pub(crate) fn corrupt(&self, offset: u64, problem: impl Into<String>) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            offset,
            problem: problem.into(),
        }
    }

    fn error(&self, action: &'static str, error: io::Error) -> StoreError {
        disk_error(action, self.path.clone(), error)
    }
}

fn disk_error(action: &'static str, path: PathBuf, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        _ => StoreError::Io {
            action,
            path,
            source: Arc::new(error),
        },
    }
}
