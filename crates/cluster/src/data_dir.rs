//! The data directory, and the lock that keeps it for one process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file in it that is locked.
pub const LOCK: &str = "lock";

/// The file in it with the token with which nodes join.
pub const NODE_TOKEN: &str = "node-token";

/// The file in it that says that a restore into it was not finished.
pub const UNFINISHED_RESTORE: &str = "restore-unfinished";

/// A data directory that this process holds. Dropping it lets it go; so does the end of the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Closing would not do while a process that is just being started still has a copy of what is open here.
        let _ = self.lock.unlock();
    }
}

/// Why a data directory cannot be used. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error(
        "data directory {path} is in use by another pintle (process {process}); stop it, or give another --data-dir"
    )]
    InUse {
        /// The directory.
        path: String,
        /// The other's process ID; `unknown` if it has not said.
        process: String,
    },
    /// A restore into it broke off.
    #[error(
        "data directory {path} is half restored: a restore into it was not finished; run pintle restore once more, with --force"
    )]
    HalfRestored {
        /// The directory.
        path: String,
    },
    /// It cannot be made or written.
    #[error("data directory {path} cannot be used; make it writable, or give another --data-dir")]
    NotUsable {
        /// The directory.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Where the state store of a data directory is.
pub fn store(data_dir: &Path) -> PathBuf {
    data_dir.join("store")
}

impl DataDir {
    /// Makes the directory if it is not there, and holds it. One that is half restored is refused.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        refuse_half_restored(&path)?;
        Self::hold(path)
    }

    /// The same, whatever is in it: for what puts something else there.
    pub fn hold(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        let not_usable = |source| DataDirError::NotUsable {
            path: path.display().to_string(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(not_usable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(not_usable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse {
                    path: path.display().to_string(),
                    process: holder(&mut lock),
                });
            }
            Err(TryLockError::Error(source)) => return Err(not_usable(source)),
        }
        name_holder(&mut lock).map_err(not_usable)?;
        Ok(Self { path, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token with which nodes join.
    pub fn node_token(&self) -> PathBuf {
        self.path.join(NODE_TOKEN)
    }

    /// The state store.
    pub fn store(&self) -> PathBuf {
        store(&self.path)
    }

    /// What the node keeps: kubelet, containers, images.
    pub fn agent(&self) -> PathBuf {
        self.path.join("agent")
    }
}

/// Refuses a data directory into which a restore was not finished.
pub fn refuse_half_restored(data_dir: &Path) -> Result<(), DataDirError> {
    if data_dir.join(UNFINISHED_RESTORE).exists() {
        let path = data_dir.display().to_string();
        return Err(DataDirError::HalfRestored { path });
    }
    Ok(())
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => String::from("unknown"),
    }
}

fn name_holder(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a/b");
        let held = DataDir::open(&path).expect("held");
        let refused = DataDir::open(&path).expect_err("refused").to_string();
        assert!(
            refused.contains(&format!("(process {})", std::process::id())),
            "{refused}"
        );
        drop(held);
        DataDir::open(&path).expect("held again");
    }

    #[test]
    fn a_directory_that_is_half_restored_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let mark = folder.path().join(UNFINISHED_RESTORE);
        fs::write(&mark, "").expect("written");
        let refused = DataDir::open(folder.path()).expect_err("refused").to_string();
        assert!(refused.contains("half restored"), "{refused}");
        assert!(!folder.path().join(LOCK).exists(), "nothing was changed");
        drop(DataDir::hold(folder.path()).expect("held by who restores"));
        fs::remove_file(mark).expect("there");
        DataDir::open(folder.path()).expect("held");
    }

    #[test]
    fn what_cannot_be_a_directory_is_said_so() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let error = DataDir::open(file.path().join("x")).expect_err("refused");
        assert!(matches!(error, DataDirError::NotUsable { .. }), "{error}");
    }
}
