//! Watches of the model: each is a place in the list of changes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::stream;
use tokio::sync::Notify;

use super::Shared;
use crate::{Event, ProgressRequester, Revision, StoreError, WatchBatch, WatchRequest, WatchStream};

/// A batch takes about so many events from the list.
const BATCH_EVENTS: usize = 1000;

pub(super) fn open(shared: Arc<Shared>, request: WatchRequest) -> Result<WatchStream, StoreError> {
    let next = shared.state.lock().window.watchable(request.start)?;
    let progress = Arc::new(Progress::default());
    let requester = progress.clone();
    let cursor = Cursor {
        shared,
        request,
        progress,
        next,
    };
    let batches = stream::unfold(Some(cursor), async |cursor| {
        let mut cursor = cursor?;
        let batch = cursor.next_batch().await;
        let goes_on = batch.is_ok().then_some(cursor);
        Some((batch, goes_on))
    });
    Ok(WatchStream::new(
        batches.boxed(),
        ProgressRequester::new(move || requester.request()),
    ))
}

/// Whether somebody asked for a progress mark.
#[derive(Default)]
struct Progress {
    requested: AtomicBool,
    changed: Notify,
}

impl Progress {
    fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

struct Cursor {
    shared: Arc<Shared>,
    request: WatchRequest,
    progress: Arc<Progress>,
    /// The first revision that was not looked at yet.
    next: Revision,
}

impl Cursor {
    async fn next_batch(&mut self) -> Result<WatchBatch, StoreError> {
        loop {
            let shared = self.shared.clone();
            let mut changed = pin!(shared.changed.notified());
            // From here on no change is missed, although the future is not polled yet.
            changed.as_mut().enable();
            match self.advance()? {
                Step::Told(batch) => return Ok(batch),
                Step::Silent => continue,
                Step::CaughtUp => {}
            }
            tokio::select! {
                () = changed => {}
                () = self.progress.changed.notified() => {}
            }
        }
    }

    /// Moves over the next stretch of changes.
    fn advance(&mut self) -> Result<Step, StoreError> {
        let state = self.shared.state.lock();
        let start = state.window.watchable(Some(self.next))?;
        let mark_wanted = self.progress.requested.swap(false, Ordering::SeqCst);
        let (events, revision) = state.events_from(start, BATCH_EVENTS);
        let mut events: Vec<Event> = events
            .into_iter()
            .filter(|event| self.request.range.contains(event.key()))
            .cloned()
            .collect();
        if !self.request.previous {
            events.iter_mut().for_each(Event::forget_previous);
        }
        self.next = start.max(revision.next());
        let caught_up = revision == state.window.current;
        if mark_wanted && !caught_up {
            self.progress.request();
        }
        Ok(match caught_up {
            _ if !events.is_empty() => Step::Told(WatchBatch { revision, events }),
            true if mark_wanted => Step::Told(WatchBatch { revision, events }),
            true => Step::CaughtUp,
            false => Step::Silent,
        })
    }
}

/// What came of a stretch of changes.
enum Step {
    /// Something to deliver.
    Told(WatchBatch),
    /// Nothing for this watch, but there are more.
    Silent,
    /// Nothing, and there are no more.
    CaughtUp,
}
