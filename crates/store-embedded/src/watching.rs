//! The streams of watches: reading history from a place on.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use store::{Event, ProgressRequester, Revision, StoreError, WatchBatch, WatchRequest, WatchStream};
use tokio::task::{spawn_blocking, yield_now};

use crate::engine::Engine;
use crate::history::{Change, ChangeKind, Stretch};
use crate::segments::Located;
use crate::version::{Location, Version};
use crate::watches::Place;

/// A watch looks at about so many changes at once.
const CHANGES_AT_ONCE: usize = 1000;

/// Opens a watch.
pub(crate) fn open(engine: &Arc<Engine>, request: WatchRequest) -> Result<WatchStream, StoreError> {
    let start = engine.window().watchable(request.start)?.get();
    let place = engine.watches.add(request.range, start);
    let asked = place.clone();
    let watch = Watch {
        engine: engine.clone(),
        place,
        previous: request.previous,
    };
    let batches = stream::unfold(Some(watch), async |watch| {
        let watch = watch?;
        let batch = watch.next_batch().await;
        let goes_on = batch.is_ok().then_some(watch);
        Some((batch, goes_on))
    });
    Ok(WatchStream::new(
        batches.boxed(),
        ProgressRequester::new(move || asked.request_progress()),
    ))
}

struct Watch {
    engine: Arc<Engine>,
    place: Arc<Place>,
    previous: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.engine.watches.remove(&self.place);
    }
}

impl Watch {
    async fn next_batch(&self) -> Result<WatchBatch, StoreError> {
        loop {
            let mark_wanted = self.place.take_progress_request();
            let Stretch { changes, revision } = self.look()?;
            let caught_up = revision >= self.engine.history.current();
            if mark_wanted && !caught_up {
                self.place.request_progress();
            }
            if mark_wanted && caught_up || !changes.is_empty() {
                let events = self.events(changes).await?;
                self.place.advance(revision);
                return Ok(WatchBatch {
                    revision: Revision::new(revision),
                    events,
                });
            }
            self.place.advance(revision);
            // Whatever came since then found the place too far back to move it, and did not necessarily wake
            // it.
            if revision < self.engine.history.current() {
                yield_now().await;
            } else {
                self.place.woken().await;
            }
        }
    }

    /// The next stretch of history, with the changes that are in the range.
    fn look(&self) -> Result<Stretch, StoreError> {
        let start = self.place.next();
        let stretch = self
            .engine
            .history
            .read(start, CHANGES_AT_ONCE, |key| self.place.range.contains(key));
        // Only now: if a part of it had been forgotten already, this says so.
        self.engine.window().watchable(Some(Revision::new(start)))?;
        Ok(stretch)
    }

    async fn events(&self, changes: Vec<Change>) -> Result<Vec<Event>, StoreError> {
        let mut drafts = Vec::with_capacity(changes.len());
        for change in changes {
            drafts.push(self.draft(change)?);
        }
        if drafts.iter().any(Draft::needs_disk) {
            return spawn_blocking(|| drafts.into_iter().map(Draft::finish).collect())
                .await
                .map_err(|_| StoreError::Closed)?;
        }
        drafts.into_iter().map(Draft::finish).collect()
    }

    fn draft(&self, change: Change) -> Result<Draft, StoreError> {
        let previous = if self.previous {
            self.engine.locate_previous(&change)
        } else {
            None
        };
        let current = match &change.kind {
            ChangeKind::Put { value: None, .. } => Some(self.locate_current(&change)?),
            _ => None,
        };
        Ok(Draft {
            change,
            current,
            previous,
        })
    }

    fn locate_current(&self, change: &Change) -> Result<Located, StoreError> {
        self.engine
            .locate_current(change)
            .ok_or_else(|| StoreError::Compacted {
                requested: Revision::new(change.revision),
                compacted: self.engine.window().compacted,
            })
    }
}

/// An event that may lack what has to be read from the disk.
struct Draft {
    change: Change,
    current: Option<Located>,
    previous: Option<Located>,
}

impl Draft {
    fn needs_disk(&self) -> bool {
        self.current.is_some() || self.previous.is_some()
    }

    fn finish(self) -> Result<Event, StoreError> {
        let previous = self.previous.map(|located| located.read()).transpose()?;
        let Change { revision, key, kind } = self.change;
        let (create_revision, version, value) = match kind {
            ChangeKind::Delete => {
                return Ok(Event::Delete {
                    key,
                    revision: Revision::new(revision),
                    previous,
                });
            }
            ChangeKind::Put {
                create_revision,
                version,
                value,
            } => (create_revision, version, value),
        };
        let current = match (self.current, value) {
            (Some(located), _) => located.read()?,
            (None, value) => {
                let version = Version {
                    revision,
                    create_revision,
                    version,
                    expires_ms: 0,
                    location: Location::default(),
                };
                version.key_value(key, value.unwrap_or_default())
            }
        };
        Ok(Event::Put { current, previous })
    }
}
