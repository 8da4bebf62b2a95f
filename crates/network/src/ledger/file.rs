//! The ledger's file and its lock.

use std::fs::File;
use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use super::allocations::Allocations;

const FILE: &str = "allocations.json";
const NEW_FILE: &str = "allocations.json.new";
const LOCK: &str = "lock";

/// The ledger, open for this process alone until it is dropped.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    allocations: Allocations,
    _lock: File,
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file does not open, or cannot be written.
    #[error("the ledger of addresses {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its text is not a ledger's. It is written so that a crash leaves the old one or the new one.
    #[error("the ledger of addresses {path} is damaged")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
}

impl Ledger {
    /// Waits for the ledger and opens it; it is made if there is none.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let lock = lock(folder).map_err(failed(folder.join(LOCK)))?;
        Ok(Self {
            folder: folder.to_owned(),
            allocations: read(&folder.join(FILE))?,
            _lock: lock,
        })
    }

    /// Writes what has changed. Until then the file is as it was.
    pub fn save(&self) -> Result<(), LedgerError> {
        let path = self.folder.join(FILE);
        self.write(&path).map_err(failed(path))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        // Under the lock nobody else writes it; what a kill leaves of it is written over.
        let new = self.folder.join(NEW_FILE);
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&self.allocations)?)?;
        file.sync_data()?;
        std::fs::rename(new, path)
    }
}

impl Deref for Ledger {
    type Target = Allocations;

    fn deref(&self) -> &Allocations {
        &self.allocations
    }
}

impl DerefMut for Ledger {
    fn deref_mut(&mut self) -> &mut Allocations {
        &mut self.allocations
    }
}

/// Removes the ledger, when no pod is left.
pub fn remove(folder: &Path) -> Result<(), LedgerError> {
    for name in [FILE, NEW_FILE, LOCK] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(LedgerError::Io { path, source });
            }
            _ => {}
        }
    }
    // Others' files in it, if any, stay.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

fn failed(path: PathBuf) -> impl FnOnce(io::Error) -> LedgerError {
    move |source| LedgerError::Io { path, source }
}

/// The kernel frees the lock when its holder ends, however that happens.
fn lock(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(folder.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

fn read(path: &Path) -> Result<Allocations, LedgerError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| LedgerError::Damaged {
            path: path.to_owned(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Allocations::default()),
        Err(source) => Err(LedgerError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ledger::{Attachment, AttachmentKey};

    #[test]
    fn many_at_once_get_different_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let take = |number: usize| {
            let mut ledger = Ledger::open(&folder).unwrap();
            let address = ledger.allocate("10.42.0.0/24".parse().unwrap()).unwrap();
            ledger.insert(Attachment {
                key: AttachmentKey {
                    container_id: number.to_string(),
                    interface: "eth0".to_owned(),
                },
                pod: String::new(),
                cable: String::new(),
                address,
                host_ports: Vec::new(),
            });
            ledger.save().unwrap();
            address
        };
        let addresses: HashSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || take(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(addresses.len(), 20);
        assert_eq!(Ledger::open(&folder).unwrap().attachments().len(), 20);
        // Nothing half written is left.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        remove(&folder).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let error = Ledger::open(folder.path()).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
    }

    #[test]
    fn what_is_not_saved_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.allocate("10.42.0.0/24".parse().unwrap()).unwrap();
        drop(ledger);
        assert_eq!(*Ledger::open(folder.path()).unwrap(), Allocations::default());
    }
}
