//! Looking through a store that is not open, without changing it.
//!
//! Two things are read: every frame and record of every segment, whether it is needed or not, and the index as it would be
//! if the store were opened. Then both are compared: what the index points to must be there, and every change that is still
//! in history must be in the index.

mod log_walk;

use std::path::Path;
use std::sync::Arc;

use store::{Revision, StoreError};

use crate::disk::{Directory, Disk, Folder};
use crate::engine::identify;
use crate::recovery::{Recovered, recover};
use log_walk::{Walk, walk};

/// So many problems are enough to know that there are many.
const MAX_PROBLEMS: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many keys there are.
    pub keys: u64,
    /// How many values of them were read, those of history included.
    pub values: u64,
    /// How many bytes these values have.
    pub value_bytes: u64,
    /// The revision the store stands at.
    pub revision: Revision,
    /// The oldest revision that can be read.
    pub compacted: Revision,
    /// How many segments the log has.
    pub segments: u64,
    /// How many bytes they take.
    pub segment_bytes: u64,
    /// How many of these bytes are needed; the rest is garbage, or reserved.
    pub live_bytes: u64,
    /// How many records the log has, needed or not.
    pub records: u64,
    /// How many bytes the last checkpoint takes.
    pub checkpoint_bytes: u64,
    /// How many bytes of log lie behind it: what is read when the store is opened.
    pub log_bytes: u64,
    /// Every damage found, up to a hundred. A store whose structure is damaged cannot be opened: then its values are not
    /// looked at through the index, but the whole log is.
    pub problems: Vec<StoreError>,
}

/// Reads everything in a store's directory. Fails if it is missing, in use, or cannot be read; damage is no
/// failure but in the report.
pub fn verify(path: &Path) -> Result<Report, StoreError> {
    verify_disk(Arc::new(Directory::open_existing(path)?))
}

/// Reads everything on a disk of any kind, otherwise like [`verify`].
pub fn verify_disk(disk: Arc<dyn Disk>) -> Result<Report, StoreError> {
    let folder = Folder::new(disk);
    let names = folder.list()?;
    let mut report = Report::default();
    let identity = match identify(&folder, &names) {
        Ok(Some(identity)) => identity,
        Ok(None) => return Ok(report),
        Err(error) => return report.note(error).map(|()| report),
    };
    match recover(&folder, identity, &names) {
        Ok(recovered) => {
            report.count(&recovered);
            let log = walk(&folder, identity, &names, recovered.compacted, &mut report)?;
            read_values(&recovered, &mut report)?;
            compare(&log, &recovered, &mut report)?;
        }
        Err(error) => {
            report.note(error)?;
            walk(&folder, identity, &names, u64::MAX, &mut report)?;
        }
    }
    Ok(report)
}

/// Counts what is in a store's directory, without reading its values. Fails like [`verify`], and if the store is damaged.
pub fn measure(path: &Path) -> Result<Report, StoreError> {
    let folder = Folder::new(Arc::new(Directory::open_existing(path)?));
    let names = folder.list()?;
    let mut report = Report::default();
    if let Some(identity) = identify(&folder, &names)? {
        report.count(&recover(&folder, identity, &names)?);
    }
    Ok(report)
}

fn read_values(recovered: &Recovered, report: &mut Report) -> Result<(), StoreError> {
    for (key, versions) in recovered.index.after(None) {
        for version in versions.iter().filter(|version| !version.is_deletion()) {
            match recovered.segments.locate(key, version).read() {
                Ok(key_value) => {
                    report.values += 1;
                    report.value_bytes += key_value.value.len() as u64;
                }
                Err(error) => report.note(error)?,
            }
            if report.problems.len() >= MAX_PROBLEMS {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the index has every change that the log has and that is still in history.
fn compare(log: &Walk, recovered: &Recovered, report: &mut Report) -> Result<(), StoreError> {
    for change in &log.changes {
        if recovered.index.exactly(&change.key, change.revision).is_none() {
            report.note(StoreError::Corrupt {
                path: change.path.to_path_buf(),
                offset: change.offset,
                problem: format!(
                    "the index does not know revision {} of {}",
                    change.revision, change.key
                ),
            })?;
        }
    }
    Ok(())
}

impl Report {
    fn count(&mut self, recovered: &Recovered) {
        self.revision = Revision::new(recovered.revision);
        self.compacted = Revision::new(recovered.compacted);
        self.checkpoint_bytes = recovered.checkpoint.map_or(0, |(_, size)| size);
        self.log_bytes = recovered.log_bytes;
        for used in recovered.segments.uses() {
            self.segments += 1;
            self.segment_bytes += used.size;
            self.live_bytes += used.live_bytes;
        }
        for (_, versions) in recovered.index.after(None) {
            self.keys += u64::from(versions.last().is_some_and(|version| !version.is_deletion()));
        }
    }

    /// Takes damage into the report, each place once; anything else remains an error.
    fn note(&mut self, error: StoreError) -> Result<(), StoreError> {
        let place = |error: &StoreError| match error {
            StoreError::Corrupt { path, offset, .. } => Some((path.clone(), *offset)),
            _ => None,
        };
        match error {
            StoreError::Corrupt { .. } | StoreError::UnknownFormat { .. } => {
                let known = self.problems.iter().any(|known| place(known) == place(&error));
                if !known && self.problems.len() < MAX_PROBLEMS {
                    self.problems.push(error);
                }
                Ok(())
            }
            error => Err(error),
        }
    }
}
