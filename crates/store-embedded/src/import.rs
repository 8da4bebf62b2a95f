//! Filling a new store with keys that have their revisions already: from a backup, or from another store.

use std::path::Path;
use std::sync::Arc;

use store::{Revision, SnapshotEntry, StoreError};

use crate::clock::Clock;
use crate::disk::{Directory, Disk};
use crate::engine::{Engine, Housekeeping};
use crate::format::fields::MAX_COUNTER;
use crate::options::Options;

/// So many bytes of keys and values go into one write.
const WRITE_BYTES: usize = 1 << 20;

/// A store that is being filled. It is a store only after [`finish`](Self::finish).
#[derive(Debug)]
pub struct Import {
    engine: Engine,
    housekeeping: Housekeeping,
    clock: Clock,
    pending: Vec<SnapshotEntry>,
    pending_bytes: usize,
    newest: u64,
}

impl Import {
    /// Makes the store of a directory that is missing or empty. Blocks.
    ///
    /// Fails with [`StoreError::Invalid`] if there is a store already.
    pub fn begin(path: &Path) -> Result<Self, StoreError> {
        Self::begin_disk(Arc::new(Directory::open(path)?), Options::default())
    }

    /// Makes the store of a disk of any kind, otherwise like [`begin`](Self::begin).
    pub fn begin_disk(disk: Arc<dyn Disk>, options: Options) -> Result<Self, StoreError> {
        let (engine, housekeeping) = Engine::open(disk, options)?;
        if engine.window().current != Revision::ZERO {
            return Err(StoreError::Invalid("keys can be imported into a new store only"));
        }
        Ok(Self {
            engine,
            housekeeping,
            clock: Clock::start(),
            pending: Vec::new(),
            pending_bytes: 0,
            newest: 0,
        })
    }

    /// Adds a key. Each comes once, in any order; what is left of its time to live counts from now. Blocks now and then.
    pub fn add(&mut self, entry: SnapshotEntry) -> Result<(), StoreError> {
        let key_value = &entry.key_value;
        let (created, changed) = (key_value.create_revision.get(), key_value.mod_revision.get());
        if key_value.key.is_empty() || created == 0 || key_value.version == 0 {
            return Err(StoreError::Invalid("a key and its revisions must not be empty"));
        }
        // It would be written, and not be read any more.
        if created > changed || changed > MAX_COUNTER || key_value.version > MAX_COUNTER {
            return Err(StoreError::Invalid("a key has revisions that none can have"));
        }
        self.newest = self.newest.max(key_value.mod_revision.get());
        self.pending_bytes += key_value.key.len() + key_value.value.len();
        self.pending.push(entry);
        if self.pending_bytes >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes it a store that stands at `revision` and remembers nothing from before. Blocks.
    ///
    /// Fails with [`StoreError::Invalid`] if a key has a later revision.
    pub fn finish(mut self, revision: Revision) -> Result<(), StoreError> {
        if revision.get() < self.newest {
            return Err(StoreError::Invalid(
                "a key is newer than the store that is imported",
            ));
        }
        // There must be room to go on.
        if revision.get() > MAX_COUNTER / 2 {
            return Err(StoreError::Invalid(
                "the store would stand at the end of all revisions",
            ));
        }
        self.flush()?;
        if !revision.is_zero() {
            self.engine.finish_import(revision.get())?;
        }
        self.housekeeping.write_checkpoint(&self.engine)?;
        self.engine.close()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.pending_bytes = 0;
        let entries = std::mem::take(&mut self.pending);
        self.engine.import(&entries, self.clock.now_ms())
    }
}
