//! The real file system: a directory that belongs to one process at a time.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{FallocateFlags, fallocate};
use rustix::io::{Errno, ReadWriteFlags};
use store::StoreError;

use super::{Disk, DiskFile, disk_error};

/// The name of the file whose lock says whose the directory is.
const LOCK: &str = "LOCK";

/// A directory of a file system, locked for this process as long as it is open.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held open for its lock, which the kernel takes back however the process ends.
    lock: fs::File,
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing would not do while a process that is just being started still has a copy of what is open here.
        let _ = self.lock.unlock();
    }
}

impl Directory {
    /// Makes the directory if need be and takes it. Fails with [`StoreError::Locked`] if another process has
    /// it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |action| move |error| disk_error(action, path.to_owned(), error);
        fs::create_dir_all(path).map_err(failed("creating"))?;
        let directory = Self::open_existing(path)?;
        directory.sync().map_err(failed("syncing"))?;
        Ok(directory)
    }

    /// Takes a directory that is there. Fails with [`StoreError::Locked`] if another process has it.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            path: path.to_owned(),
            lock: take_lock(path)?,
        })
    }
}

fn take_lock(path: &Path) -> Result<fs::File, StoreError> {
    let lock_path = path.join(LOCK);
    let failed = |error| disk_error("locking", lock_path.clone(), error);
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Without the number the message is still clear.
            let _ = lock.read_to_string(&mut holder);
            return Err(StoreError::Locked {
                path: path.to_owned(),
                pid: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    lock.set_len(0).map_err(failed)?;
    writeln!(lock, "{}", std::process::id()).map_err(failed)?;
    Ok(lock)
}

impl Disk for Directory {
    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(
            OpenOptions::new().read(true).write(true).open(self.path(name))?,
        ))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path(name))?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn read_cached_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        let slices = &mut [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(self, slices, offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(Some(read)),
            // Not in memory; or a file system that cannot tell.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn reserve(&self, size: u64) -> io::Result<()> {
        let length = i64::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        match fallocate(self, FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            // Some file systems cannot reserve; there a full disk shows when the segment is written.
            Err(nix::errno::Errno::EOPNOTSUPP) if DiskFile::size(self)? < size => self.set_len(size),
            Err(nix::errno::Errno::EOPNOTSUPP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }
}
