//! Backups in a bucket: brought here to be read.

use std::path::{Path, PathBuf};

use backup::s3::Bucket;
use tempfile::TempDir;

use crate::commands::CommandError;
use crate::commands::cluster::wait_for;
use crate::settings::S3Options;

/// What an address in a bucket begins with.
pub const SCHEME: &str = "s3://";

/// A file that is here: it was, or it is brought here and goes again.
pub struct Fetched {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Fetched {
    /// Of a path, or of an address in a bucket; then it is kept in `beside` meanwhile, or in the system's folder.
    pub fn of(place: &str, options: &S3Options, beside: Option<&Path>) -> Result<Self, CommandError> {
        if !place.starts_with(SCHEME) {
            return Ok(Self {
                path: place.into(),
                _folder: None,
            });
        }
        let (bucket, name) = options.address(place)?;
        let made = match beside {
            Some(folder) => TempDir::with_prefix_in(".pintle-backup-", folder),
            None => TempDir::with_prefix("pintle-backup-"),
        };
        let folder = made.map_err(|source| CommandError::Write {
            path: beside.unwrap_or(&std::env::temp_dir()).to_owned(),
            source,
        })?;
        let path = folder.path().join("backup");
        let bucket = Bucket::new(bucket)?;
        wait_for(async { Ok(bucket.get(&name, &path).await?) })?;
        Ok(Self {
            path,
            _folder: Some(folder),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
