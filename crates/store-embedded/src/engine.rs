//! The store without its threads: everything happens when it is called, on the caller's thread.
//!
//! Locks are taken in this order: log, state, history. The log's lock makes one writer of many threads. The
//! state's lock is never held while the disk is waited for.

mod aging;
mod checkpointing;
mod commit;
mod compaction;
mod housekeeping;
mod importing;
mod opening;
mod prepared;
mod reading;
mod relocation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use store::{Revision, RevisionWindow, StoreError};

use crate::disk::Folder;
use crate::format::end;
use crate::format::identity::Identity;
use crate::format::packing::Packer;
use crate::history::History;
use crate::index::Index;
use crate::log::Log;
use crate::options::Options;
use crate::pace::Pace;
use crate::pins::Pins;
use crate::segments::Segments;
use crate::watches::Watches;

pub(crate) use commit::{Alone, Judged, measure};
pub(crate) use housekeeping::Housekeeping;
pub(crate) use opening::identify;
pub(crate) use prepared::Prepared;

/// Everything of an open store.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) options: Options,
    pub(crate) history: History,
    pub(crate) watches: Watches,
    folder: Folder,
    identity: Identity,
    log: Mutex<Log>,
    state: RwLock<State>,
    pins: Arc<Pins>,
    packer: Packer,
    pace: Pace,
    /// Set under the lock of the log, after which nothing is committed any more.
    closed: AtomicBool,
    /// How many bytes of records the last write had, if it failed.
    failed_bytes: Mutex<Option<usize>>,
    /// How many bytes of log were read or written since the store was opened.
    log_bytes: AtomicU64,
    occasions: AtomicU64,
    frames_when_opened: u64,
}

/// What the keys are and where their values lie.
#[derive(Debug)]
struct State {
    index: Index,
    segments: Segments,
}

/// A store in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many keys there are, those included that are deleted but still in history.
    pub keys: usize,
    /// How many changes are in history.
    pub history_changes: usize,
    /// How many segments the log has.
    pub segments: usize,
    /// How many bytes the segments take.
    pub segment_bytes: u64,
    /// How many of these bytes are needed.
    pub live_bytes: u64,
    /// How many watches there are.
    pub watches: usize,
}

impl Engine {
    /// The revisions that can be read.
    pub(crate) fn window(&self) -> RevisionWindow {
        // In this order, so that the compacted revision is never the greater one.
        let compacted = Revision::new(self.pins.compacted());
        RevisionWindow {
            compacted,
            current: Revision::new(self.history.current()),
        }
    }

    /// Whether the last write failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed_bytes.lock().is_some()
    }

    /// Finds out whether the write that failed would go well now.
    pub(crate) fn probe(&self) -> Result<(), StoreError> {
        let failed_bytes = *self.failed_bytes.lock();
        match failed_bytes {
            Some(record_bytes) => self.append_records(record_bytes, |_| ()),
            None => Ok(()),
        }
    }

    /// Writes down where the log ends, now that nothing more is to come.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        let log = self.log.lock();
        self.closed.store(true, Ordering::Relaxed);
        let frames = log.position().sequence - 1;
        if frames == self.frames_when_opened {
            return Ok(());
        }
        end::write(&self.folder, self.identity, frames)
    }

    /// How many occasions for housekeeping there have been: new segments, and those that are half full.
    pub(crate) fn occasions(&self) -> u64 {
        self.occasions.load(Ordering::Relaxed)
    }

    /// Whether there is more history than there may be.
    pub(crate) fn has_too_much_history(&self) -> bool {
        self.history.len() > self.options.max_history_changes
    }

    /// When the next key is due, in milliseconds since 1970.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.state.read().index.next_due()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.state.read();
        let mut statistics = Statistics {
            keys: state.index.key_count(),
            history_changes: self.history.len(),
            watches: self.watches.len(),
            ..Statistics::default()
        };
        for segment in state.segments.uses() {
            statistics.segments += 1;
            statistics.segment_bytes += segment.size;
            statistics.live_bytes += segment.live_bytes;
        }
        statistics
    }
}
