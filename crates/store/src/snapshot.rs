//! The whole store as of one revision.

use std::fmt;
use std::time::Duration;

use futures::stream::BoxStream;

use crate::{KeyValue, Revision, StoreError};

/// Everything the store held at one revision, in the order of the keys. Commits and compaction go on while it
/// is read. A store that others use as well cannot hold back their compaction: if that overtakes the reader, the
/// stream ends with [`StoreError::Compacted`].
pub struct Snapshot {
    /// The revision of the snapshot.
    pub revision: Revision,
    /// The entries. The stream ends after its first error.
    pub entries: BoxStream<'static, Result<SnapshotEntry, StoreError>>,
}

/// One key of a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The key with its value.
    pub key_value: KeyValue,
    /// How long the key had still to live when the entry was read; `None` if it does not expire.
    pub time_to_live: Option<Duration>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
