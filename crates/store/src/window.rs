//! The revisions a store can answer for.

use crate::{Revision, StoreError};

/// From the oldest revision held to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionWindow {
    /// The oldest revision that can be read.
    pub compacted: Revision,
    /// The newest revision.
    pub current: Revision,
}

impl RevisionWindow {
    /// The revision to read at: `requested` if it is held, the current one if none is requested.
    pub fn readable(self, requested: Option<Revision>) -> Result<Revision, StoreError> {
        let revision = requested.unwrap_or(self.current);
        self.not_compacted(revision)?;
        self.not_future(revision)?;
        Ok(revision)
    }

    /// The first revision a watch has to deliver: `requested`, which may lie in the future, or the one after
    /// the current.
    pub fn watchable(self, requested: Option<Revision>) -> Result<Revision, StoreError> {
        let start = requested.unwrap_or(self.current.next());
        self.not_compacted(start)?;
        Ok(start)
    }

    /// Refuses a revision that cannot become the oldest one held.
    pub fn compactable(self, revision: Revision) -> Result<(), StoreError> {
        self.not_future(revision)?;
        if revision <= self.compacted {
            return Err(self.compacted_error(revision));
        }
        Ok(())
    }

    fn not_compacted(self, revision: Revision) -> Result<(), StoreError> {
        if revision < self.compacted {
            return Err(self.compacted_error(revision));
        }
        Ok(())
    }

    fn not_future(self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.current {
            return Err(StoreError::FutureRevision {
                requested: revision,
                current: self.current,
            });
        }
        Ok(())
    }

    fn compacted_error(self, requested: Revision) -> StoreError {
        StoreError::Compacted {
            requested,
            compacted: self.compacted,
        }
    }
}
