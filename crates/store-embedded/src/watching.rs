//! The streams of watches: reading history from a place on.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use store::{
    Event, KeyValue, ProgressRequester, Revision, StoreError, WatchBatch, WatchRequest, WatchStream,
};
use tokio::task::{spawn_blocking, yield_now};

use crate::engine::Engine;
use crate::history::{Change, ChangeKind, Stretch};
use crate::located::Located;
use crate::version::{Location, Version};
use crate::watches::Place;

/// A watch looks at about so many changes at once.
const CHANGES_AT_ONCE: usize = 1000;

/// So many values are read where nobody may be kept waiting.
const READS_AT_ONCE: usize = 64;

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
        let disk_reads = drafts.iter().filter(|draft| draft.needs_disk()).count();
        if disk_reads <= READS_AT_ONCE
            && let Some(events) = finish_all(&drafts, Located::read_cached)?
        {
            return Ok(events);
        }
        let read = move || finish_all(&drafts, |located| located.read().map(Some));
        let events = spawn_blocking(read).await.map_err(|_| StoreError::Closed)??;
        Ok(events.expect("nothing keeps a read from waiting there"))
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

/// Reads a value; `None` if it is not to be waited for.
type Read = fn(&Located) -> Result<Option<KeyValue>, StoreError>;

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

    /// The event, if everything that it lacks can be read.
    fn finish(&self, read: Read) -> Result<Option<Event>, StoreError> {
        let previous = match self.previous.as_ref().map(read).transpose()? {
            Some(None) => return Ok(None),
            found => found.flatten(),
        };
        let Change { revision, key, kind } = &self.change;
        let &ChangeKind::Put {
            create_revision,
            version,
            ref value,
        } = kind
        else {
            return Ok(Some(Event::Delete {
                key: key.clone(),
                revision: Revision::new(*revision),
                previous,
            }));
        };
        let current = match &self.current {
            Some(located) => read(located)?,
            None => {
                let version = Version {
                    revision: *revision,
                    create_revision,
                    version,
                    expires_ms: 0,
                    location: Location::default(),
                };
                Some(version.key_value(key.clone(), value.clone().unwrap_or_default()))
            }
        };
        Ok(current.map(|current| Event::Put { current, previous }))
    }
}

fn finish_all(drafts: &[Draft], read: Read) -> Result<Option<Vec<Event>>, StoreError> {
    drafts
        .iter()
        .map(|draft| draft.finish(read).transpose())
        .collect::<Option<Result<_, _>>>()
        .transpose()
}
