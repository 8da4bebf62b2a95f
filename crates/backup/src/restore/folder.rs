//! A data directory: put together whole, and then put in its place.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use store::StoreError;
use store_embedded::Import;

use super::place::{Place, has_data, is_no_data};
use super::{COMPACTION_KEY, Restored};
use crate::error::BackupError;
use crate::files::cluster_of;
use crate::record::{FileRole, Record, SavedFile, Totals};

/// The store, below a data directory.
const STORE: &str = "store";

/// A data directory that is being made. Unless it is [put in place](Self::finish), it goes when it is dropped.
pub struct FolderRestore {
    data_dir: PathBuf,
    place: Place,
    import: Option<Import>,
    totals: Totals,
    in_place: bool,
}

/// Refuses a data directory that is not to be replaced: with data, unless that is `forced`; of another cluster at any rate.
/// Gives whether there is data.
pub fn check_folder(data_dir: &Path, cluster: &str, forced: bool) -> Result<bool, BackupError> {
    let failed = BackupError::read(&data_dir.display().to_string(), 0);
    if !has_data(data_dir).map_err(failed)? {
        return Ok(false);
    }
    let there = cluster_of(data_dir);
    if !forced {
        return Err(BackupError::NotEmpty {
            path: data_dir.to_owned(),
            cluster: there,
        });
    }
    match there {
        Some(there) if !cluster.is_empty() && there != cluster => Err(BackupError::OtherCluster {
            path: data_dir.to_owned(),
            there,
            backup: cluster.to_owned(),
        }),
        _ => Ok(true),
    }
}

impl FolderRestore {
    /// Begins to make what will be `data_dir`; `with_store` says whether its own store is filled too.
    pub fn begin(data_dir: &Path, with_store: bool) -> Result<Self, BackupError> {
        let data_dir =
            std::path::absolute(data_dir).map_err(BackupError::write(&data_dir.display().to_string()))?;
        let place = Place::prepare(&data_dir);
        let place = place.map_err(BackupError::write(&data_dir.display().to_string()))?;
        let mut restore = Self {
            data_dir,
            place,
            import: None,
            totals: Totals::default(),
            in_place: false,
        };
        if with_store {
            restore.import = Some(
                Import::begin(&restore.place.workshop.join(STORE))
                    .map_err(|source| restore.unfilled(source))?,
            );
        }
        Ok(restore)
    }

    /// Takes a record over. Keys are left out if the store is not filled here.
    pub fn push(&mut self, record: Record) -> Result<(), BackupError> {
        match &record {
            Record::File(file) => {
                self.totals.add(&record);
                self.write(file)
            }
            Record::Entry(entry) if *entry.key_value.key == *COMPACTION_KEY => Ok(()),
            Record::Entry(_) => {
                let Some(import) = &mut self.import else {
                    return Ok(());
                };
                self.totals.add(&record);
                let Record::Entry(entry) = record else {
                    return Ok(());
                };
                let added = import.add(entry);
                added.map_err(|source| self.unfilled(source))
            }
        }
    }

    /// Puts the directory in place, durably. The store goes on from `revision`. What was there is moved aside; gives where
    /// it is now.
    pub fn finish(mut self, revision: u64) -> Result<(Restored, Option<PathBuf>), BackupError> {
        if let Some(import) = self.import.take() {
            let finished = import.finish(revision.into());
            finished.map_err(|source| self.unfilled(source))?;
        }
        let failed = BackupError::write(&self.data_dir.display().to_string());
        let aside = self.place.put().map_err(&failed)?;
        self.in_place = true;
        let restored = Restored {
            totals: self.totals,
            revision,
        };
        Ok((restored, aside))
    }

    fn unfilled(&self, source: StoreError) -> BackupError {
        BackupError::Fill {
            path: self.data_dir.clone(),
            source,
        }
    }

    fn write(&self, file: &SavedFile) -> Result<(), BackupError> {
        let Some(relative) = inside(&file.path, file.role) else {
            return Err(BackupError::Foreign {
                name: file.path.clone(),
                problem: String::from("a file of a backup must lie below the data directory"),
            });
        };
        let path = self.place.workshop.join(relative);
        write_private(&path, file).map_err(BackupError::write(&path.display().to_string()))
    }
}

impl Drop for FolderRestore {
    fn drop(&mut self) {
        self.import = None;
        if !self.in_place {
            self.place.abandon();
        }
    }
}

/// The path of a file below the data directory; none if it would lie elsewhere, or in the place of the store.
fn inside(path: &str, role: FileRole) -> Option<PathBuf> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let first = path.components().next()?;
    let is_taken = first.as_os_str() == STORE || is_no_data(first.as_os_str());
    match role {
        // It tells people what was; nothing reads it.
        FileRole::Configuration if plain => Some(Path::new("restored-configuration").join(path)),
        _ => (plain && !is_taken).then(|| path.to_owned()),
    }
}

fn write_private(path: &Path, file: &SavedFile) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(file.mode & 0o777)
        .open(path)?;
    out.write_all(&file.content)?;
    out.sync_all()?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_below_the_data_directory() {
        let at = |path: &str| inside(path, FileRole::Pki);
        assert_eq!(at("pki/ca.crt"), Some(PathBuf::from("pki/ca.crt")));
        for path in [
            "/etc/passwd",
            "../x",
            "pki/../../x",
            "",
            "store/FORMAT",
            "lock",
            "restore-unfinished",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}
