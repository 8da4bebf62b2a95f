//! One client's watch.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use meta::{ResourceVersion, Status};
use tokio::time::Instant;

use crate::cache::{Change, Cursor, Lagged, Snapshot};
use crate::caches::Caches;
use crate::list_options::WatchStart;
use crate::object::Object;
use crate::selection::Selection;
use crate::served::Served;

/// How often a watcher that allows bookmarks is told how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// A last bookmark comes so long before the watch ends by itself.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object came into the selection.
    Added(Arc<Object>),
    /// The object changed.
    Modified(Arc<Object>),
    /// The object went out of the selection; its last state, with the version of its going.
    Deleted(Arc<Object>),
    /// Everything up to that version was told.
    Bookmark {
        /// The version.
        revision: ResourceVersion,
        /// Whether this ends the initial events (`k8s.io/initial-events-end`).
        initial_events_end: bool,
    },
    /// The watch cannot go on; nothing follows.
    Error(Status),
}

/// A watch: a cursor into the recent changes of a resource.
pub struct Watcher {
    served: Served,
    selection: Selection,
    caches: Arc<Caches>,
    /// Events that were due when the watch began.
    due: VecDeque<WatchEvent>,
    /// None once the watch is over.
    cursor: Option<Cursor>,
    /// A change that can be told only after a converter was asked.
    unprepared: Option<Arc<Change>>,
    /// Changes up to this revision are not told.
    after: u64,
    next_bookmark: Option<Instant>,
    end: Option<Instant>,
}

impl Watcher {
    /// A watch with nothing to tell yet.
    pub(crate) fn new(served: Served, selection: Selection, caches: Arc<Caches>) -> Self {
        Self {
            served,
            selection,
            caches,
            due: VecDeque::new(),
            cursor: None,
            unprepared: None,
            after: 0,
            next_bookmark: None,
            end: None,
        }
    }

    /// A 500 if something that is to be told cannot be read.
    pub(crate) fn ensure_readable(&self, state: &Snapshot) -> Result<(), Status> {
        state.ensure_readable(&self.selection, self.served.cache.prefix())
    }

    /// Follows a cursor; changes up to the revision `after` are not told.
    pub(crate) fn follow(&mut self, cursor: Cursor, after: u64) {
        self.cursor = Some(cursor);
        self.after = after;
    }

    /// A watch that tells what is wrong and is over.
    pub(crate) fn failed(mut self, status: Status) -> Self {
        self.due.push_back(WatchEvent::Error(status));
        self.cursor = None;
        self
    }

    /// Has made what is needed to tell what changed before the cursor stood, and the present state if it is told.
    pub(crate) async fn prepare(
        &self,
        missed: &[Arc<Change>],
        state: &Snapshot,
        start: WatchStart,
    ) -> Result<(), Status> {
        self.served
            .prepare(missed.iter().flat_map(|change| change.shown()))
            .await?;
        match start {
            WatchStart::State { .. } => {
                let objects = state.candidates(&self.selection, None);
                self.served.prepare(objects).await
            }
            WatchStart::MostRecent | WatchStart::After(_) => Ok(()),
        }
    }

    /// Begins with the present state.
    pub(crate) fn tell_state(&mut self, state: &Snapshot) {
        let objects = state.candidates(&self.selection, None);
        let shown = objects.map(|object| self.served.show(object));
        let selected = shown.filter(|object| self.selection.matches(object));
        let events: Vec<_> = selected.map(WatchEvent::Added).collect();
        self.due.extend(events);
    }

    /// Tells what changed before the cursor stood.
    pub(crate) fn tell_missed(&mut self, changes: &[Arc<Change>]) {
        let events: Vec<_> = changes.iter().filter_map(|change| self.event(change)).collect();
        self.due.extend(events);
    }

    /// Says that the present state has been told.
    pub(crate) fn mark_state(&mut self, revision: ResourceVersion) {
        self.due.push_back(WatchEvent::Bookmark {
            revision,
            initial_events_end: true,
        });
    }

    /// Sends bookmarks from time to time, and ends after `timeout`.
    pub(crate) fn set_times(&mut self, bookmarks: bool, timeout: Option<Duration>) {
        let now = Instant::now();
        self.end = timeout.map(|timeout| now + timeout);
        self.next_bookmark = bookmarks.then(|| self.bookmark_after(now));
    }

    fn bookmark_after(&self, now: Instant) -> Instant {
        let regular = now + BOOKMARK_EVERY;
        match self.end.and_then(|end| end.checked_sub(BOOKMARK_BEFORE_END)) {
            Some(last) if last > now => regular.min(last),
            _ => regular,
        }
    }

    /// How many watchers are woken together with this one.
    pub fn crowd(&self) -> usize {
        self.cursor.as_ref().map_or(0, |cursor| cursor.group().size())
    }

    /// The next event; none when the watch is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            if let Some(change) = self.unprepared.clone() {
                // Only then is it no longer due: the future may be dropped meanwhile.
                let prepared = self.served.prepare(change.shown()).await;
                self.unprepared = None;
                let event = match prepared {
                    Ok(()) => self.event(&change),
                    Err(status) => {
                        self.cursor = None;
                        Some(WatchEvent::Error(status))
                    }
                };
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let group = Arc::clone(self.cursor.as_ref()?.group());
            let mut woken = pin!(group.wake.notified());
            woken.as_mut().enable();
            // What came between the look above and now has rung for nobody.
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            let Some(timer) = self.next_bookmark.into_iter().chain(self.end).min() else {
                woken.await;
                continue;
            };
            tokio::select! {
                biased;
                () = woken => {}
                () = tokio::time::sleep_until(timer) => match self.on_timer() {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
        }
    }

    /// The next event, if there is one already: lets a writer gather what is due into one write.
    pub fn try_next(&mut self) -> Option<WatchEvent> {
        if let Some(event) = self.due.pop_front() {
            if let WatchEvent::Error(_) = event {
                self.due.clear();
                self.cursor = None;
            }
            return Some(event);
        }
        loop {
            if self.unprepared.is_some() {
                return None;
            }
            let cursor = self.cursor.as_mut()?;
            // Asked first: what comes before the end is told.
            let is_last = cursor.is_last();
            match cursor.try_next() {
                Ok(None) => {
                    if is_last {
                        self.cursor = None;
                    }
                    return None;
                }
                Ok(Some(change))
                    if self.served.has_converter() && !self.served.is_prepared(change.shown()) =>
                {
                    self.unprepared = Some(change);
                    return None;
                }
                Ok(Some(change)) => {
                    if let Some(event) = self.event(&change) {
                        if let WatchEvent::Error(_) = event {
                            self.cursor = None;
                        }
                        return Some(event);
                    }
                }
                Err(Lagged) => {
                    self.cursor = None;
                    return Some(WatchEvent::Error(Status::expired(
                        "too old resource version: the watch was too slow and has lost its place",
                    )));
                }
            }
        }
    }

    fn on_timer(&mut self) -> Option<WatchEvent> {
        let now = Instant::now();
        if self.end.is_some_and(|end| end <= now) {
            self.cursor = None;
            return None;
        }
        self.next_bookmark = Some(self.bookmark_after(now));
        // The revision is read first: what is found after it was read may be newer, never older.
        let revision = ResourceVersion::new(self.caches.applied().max(self.after))?;
        self.try_next().or(Some(WatchEvent::Bookmark {
            revision,
            initial_events_end: false,
        }))
    }

    /// What a change means to this watch, if anything.
    fn event(&self, change: &Change) -> Option<WatchEvent> {
        if change.revision.get() <= self.after {
            return None;
        }
        if let Some(damage) = &change.damage {
            let is_concerned = self.selection.covers(&damage.key);
            return is_concerned.then(|| WatchEvent::Error(damage.to_status(self.served.cache.prefix())));
        }
        let selected = |object: &Option<Arc<Object>>| {
            let shown = object.as_ref().map(|object| self.served.show(object));
            shown.filter(|object| self.selection.matches(object))
        };
        match (selected(&change.previous), selected(&change.current)) {
            (None, None) => None,
            (None, Some(current)) => Some(WatchEvent::Added(current)),
            (Some(_), Some(current)) => Some(WatchEvent::Modified(current)),
            (Some(_), None) => {
                let gone = change.gone()?;
                Some(WatchEvent::Deleted(self.served.show(gone)))
            }
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("selection", &self.selection)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}
