//! Where scheduled backups go: a folder, and a bucket as well if there is one.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backup::output::Output;
use backup::s3::Bucket;
use backup::{BackupError, names};

/// The folder below the data directory, unless another is named.
pub(super) const FOLDER: &str = "backups";

/// Where backups go.
pub(super) struct Target {
    pub(super) folder: PathBuf,
    pub(super) bucket: Option<Bucket>,
    /// How many are kept.
    pub(super) retention: usize,
}

impl Target {
    /// Writes a file of the folder, whole or not at all.
    pub(super) fn write(
        &self,
        path: &Path,
        write: impl FnOnce(Output) -> Result<Output, BackupError>,
    ) -> Result<(), BackupError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|source| self.unwritable(source))?;
        write(Output::create(path)?)?.commit()
    }

    /// Puts a file of the folder into the bucket.
    pub(super) async fn upload(&self, name: &str) -> Result<(), BackupError> {
        match &self.bucket {
            Some(bucket) => bucket.put(name, &self.folder.join(name)).await,
            None => Ok(()),
        }
    }

    /// Removes what is more than is kept, the oldest first, here and there.
    pub(super) async fn forget_oldest(&self) -> Result<(), BackupError> {
        let entries = fs::read_dir(&self.folder).map_err(|source| self.unwritable(source))?;
        let found: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        // Nothing is being written now: what is unfinished was left by a server that was killed.
        let unfinished = found.iter().filter(|name| names::is_unfinished(name)).cloned();
        let mut superfluous: Vec<String> = unfinished.collect();
        superfluous.extend(names::surplus(found, self.retention));
        for name in superfluous {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(|source| BackupError::Write {
                name: path.display().to_string(),
                source,
            })?;
        }
        if let Some(bucket) = &self.bucket {
            let found = bucket.list().await?.into_iter().map(|object| object.name);
            for name in names::surplus(found, self.retention) {
                bucket.delete(&name).await?;
            }
        }
        Ok(())
    }

    fn unwritable(&self, source: io::Error) -> BackupError {
        BackupError::Write {
            name: self.folder.display().to_string(),
            source,
        }
    }
}
