//! Filling a data directory or a store from a backup: all of it or nothing.

mod folder;
mod place;
mod store;

pub use folder::{FolderRestore, check_folder};
pub use place::UNFINISHED;
pub use store::{check_empty, empty_store, fill_store};

use crate::record::Totals;

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What was put in place.
    pub totals: Totals,
    /// The revision at which the store stands now.
    pub revision: u64,
}

/// A key with which kube-apiservers agree on compaction. It tells of revisions that the restored store does not have.
pub(crate) const COMPACTION_KEY: &[u8] = b"compact_rev_key";
