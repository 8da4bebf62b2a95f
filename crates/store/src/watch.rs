//! Following the changes of a range.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::BoxStream;

use crate::{Key, KeyRange, KeyValue, Revision, StoreError};

/// Asks for the changes of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRequest {
    /// Which keys.
    pub range: KeyRange,
    /// The first revision to deliver. `None` starts after the revision that is current when the watch is
    /// made. A revision that is not reached yet is waited for.
    pub start: Option<Revision>,
    /// Whether events carry what they replaced.
    pub previous: bool,
}

impl WatchRequest {
    /// The changes of `range` after the current revision.
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            start: None,
            previous: false,
        }
    }

    /// Begins with the changes of `revision`.
    pub fn start(mut self, revision: Revision) -> Self {
        self.start = Some(revision);
        self
    }

    /// Begins with the changes after `revision`: what follows on a range read at `revision`.
    pub fn after(self, revision: Revision) -> Self {
        self.start(revision.next())
    }

    /// Has events carry what they replaced.
    pub fn with_previous(mut self) -> Self {
        self.previous = true;
        self
    }
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key was set.
    Put {
        /// The key with its new value.
        current: KeyValue,
        /// What it was before: `None` if the key is new, if it was not asked for, or if it has been
        /// compacted.
        previous: Option<KeyValue>,
    },
    /// The key was removed, by a transaction or because its time was over.
    Delete {
        /// The key.
        key: Key,
        /// The revision that removed it.
        revision: Revision,
        /// What it was before: `None` if that was not asked for or has been compacted.
        previous: Option<KeyValue>,
    },
}

impl Event {
    /// The key that changed.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { current, .. } => &current.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put { current, .. } => current.mod_revision,
            Self::Delete { revision, .. } => *revision,
        }
    }

    /// What the key was before, if that is known.
    pub fn previous(&self) -> Option<&KeyValue> {
        match self {
            Self::Put { previous, .. } | Self::Delete { previous, .. } => previous.as_ref(),
        }
    }

    /// Lets go of what the key was before.
    pub fn forget_previous(&mut self) {
        match self {
            Self::Put { previous, .. } | Self::Delete { previous, .. } => *previous = None,
        }
    }

    /// Whether the change made a key that was not there before.
    pub fn is_create(&self) -> bool {
        matches!(self, Self::Put { current, .. } if current.create_revision == current.mod_revision)
    }
}

/// Some changes of a watched range: whole revisions, never a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchBatch {
    /// Every change of the range up to and with this revision has been delivered, this batch included. A
    /// watch that starts after it misses nothing and repeats nothing.
    pub revision: Revision,
    /// The changes, ordered by revision and within one revision by key. Empty only in a progress mark that
    /// was asked for.
    pub events: Vec<Event>,
}

/// The changes of a range as they come. The stream ends after its first error, and only then.
///
/// A stream holds a place in the store's history, not a queue: it may be left alone for as long as one likes,
/// costs the store nothing meanwhile, and goes on from its place, unless that has been compacted: then it
/// yields [`StoreError::Compacted`]. Backends that cannot read history back yield [`StoreError::WatchLagged`]
/// instead.
pub struct WatchStream {
    batches: BoxStream<'static, Result<WatchBatch, StoreError>>,
    progress: ProgressRequester,
}

impl WatchStream {
    /// Made by backends: the batches, and what asks for a progress mark.
    pub fn new(
        batches: BoxStream<'static, Result<WatchBatch, StoreError>>,
        progress: ProgressRequester,
    ) -> Self {
        Self { batches, progress }
    }

    /// A handle that asks this stream for a progress mark, from anywhere.
    pub fn progress_requester(&self) -> ProgressRequester {
        self.progress.clone()
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchBatch, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}

/// Asks a watch how far it is.
///
/// After a request the stream yields a batch whose revision is at least the store's current one at the time
/// of the request: with events, or empty. So a cache that follows the watch learns that it is up to date
/// although nothing in its range has changed.
#[derive(Clone)]
pub struct ProgressRequester(Arc<dyn Fn() + Send + Sync>);

impl ProgressRequester {
    /// Made by backends.
    pub fn new(request: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(request))
    }

    /// Asks for a mark. Several requests may be answered by one mark.
    pub fn request(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ProgressRequester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressRequester")
    }
}
