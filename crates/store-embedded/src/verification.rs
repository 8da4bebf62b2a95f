//! Looking through a store that is not open, without changing it.

use std::path::Path;
use std::sync::Arc;

use store::{Revision, StoreError};

use crate::disk::{Directory, Disk, Folder};
use crate::engine::identify;
use crate::recovery::{Recovered, recover};

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
    /// Every damage found, up to a hundred. A store whose structure is damaged has one, and the rest of it is
    /// not looked at.
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
    let recovered = identify(&folder, &names).and_then(|identity| {
        let identity = identity.map(|identity| recover(&folder, identity, &names));
        identity.transpose()
    });
    match recovered {
        Ok(None) => {}
        Ok(Some(recovered)) => read_values(&recovered, &mut report)?,
        Err(error) => report.note(error)?,
    }
    Ok(report)
}

fn read_values(recovered: &Recovered, report: &mut Report) -> Result<(), StoreError> {
    report.revision = Revision::new(recovered.revision);
    report.compacted = Revision::new(recovered.compacted);
    for (key, versions) in recovered.index.after(None) {
        report.keys += u64::from(versions.last().is_some_and(|version| !version.is_deletion()));
        for version in versions.iter().filter(|version| !version.is_deletion()) {
            match recovered.segments.locate(key, version).read() {
                Ok(key_value) => {
                    report.values += 1;
                    report.value_bytes += key_value.value.len() as u64;
                }
                Err(error) => report.note(error)?,
            }
            if report.problems.len() == MAX_PROBLEMS {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Report {
    /// Takes damage into the report; anything else remains an error.
    fn note(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Corrupt { .. } | StoreError::UnknownFormat { .. } => {
                self.problems.push(error);
                Ok(())
            }
            error => Err(error),
        }
    }
}
