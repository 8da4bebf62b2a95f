//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::Revision;

/// Why a store did not do what it was asked.
///
/// A commit that fails with [`OutcomeUnknown`](Self::OutcomeUnknown) or one of the disk errors may or may not have
/// taken effect, as with any write whose answer is lost; it never takes effect in part. With any other error it
/// has taken none.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The revision asked for is older than what the store still holds.
    #[error("revision {requested} has been compacted, the oldest one held is {compacted}")]
    Compacted {
        /// What was asked for.
        requested: Revision,
        /// The oldest revision that can be read.
        compacted: Revision,
    },
    /// The revision asked for does not exist yet.
    #[error("revision {requested} is in the future, the current one is {current}")]
    FutureRevision {
        /// What was asked for.
        requested: Revision,
        /// The newest revision.
        current: Revision,
    },
    /// The watch was too slow and has lost its place. List again and watch from there.
    #[error("the watch fell behind and lost its place")]
    WatchLagged,
    /// The transaction is larger than the store takes.
    #[error("request of {size} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size taken.
        limit: usize,
    },
    /// The request contradicts itself.
    #[error("invalid request: {0}")]
    Invalid(&'static str),
    /// The disk is full. Writes fail until there is space again; reads go on.
    #[error("no space left for the state store")]
    DiskFull,
    /// The file system is read-only. Writes fail until it is not; reads go on.
    #[error("the file system of the state store is read-only")]
    ReadOnly,
    /// The disk failed.
    #[error("{action} {path}")]
    Io {
        /// What was done, as in "reading".
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// How it failed.
        source: Arc<io::Error>,
    },
    /// What lies on disk is not what was written.
    #[error("{path} is corrupt at byte {offset}: {problem}")]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where the damage was noticed.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The data directory is in use by another process.
    #[error("the data directory {path} is in use by another process{}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that uses it, if it said so.
        pid: Option<u32>,
    },
    /// The data directory was written by a version of pintle that this one does not understand.
    #[error("{path} has format {found:?}, this version reads {expected:?}")]
    UnknownFormat {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What it ought to say.
        expected: &'static str,
    },
    /// The store cannot be reached. Nothing was changed.
    #[error("the state store is not available: {0}")]
    Unavailable(String),
    /// The store was lost before it answered: it may or may not have made the change, and may still make it.
    #[error("the state store did not answer, the change may have been made or not: {0}")]
    OutcomeUnknown(String),
    /// The store has been shut down.
    #[error("the state store is closed")]
    Closed,
}
