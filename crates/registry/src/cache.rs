//! The watch cache of one storage prefix: every object as it is now, and what changed recently.

mod change;
mod interest;
mod ring;

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use meta::{ResourceVersion, Status};
use parking_lot::{Mutex, RwLock};
use resource::Kind;
use store::KeyValue;
use tokio::time::Instant;

pub(crate) use change::Change;
pub(crate) use interest::{Group, Interest};

use crate::draft::Draft;
use crate::object::Object;
use crate::selection::Selection;
use interest::Interests;
use ring::Ring;

/// Objects by key. A clone is a snapshot: it costs next to nothing and stays as it is.
pub(crate) type Objects = OrdMap<Arc<str>, Arc<Object>>;

/// The objects of one storage prefix.
pub(crate) struct Cache {
    prefix: String,
    /// The kind in whose form the objects are stored.
    kind: Arc<dyn Kind>,
    state: RwLock<State>,
    /// What writers have encoded and the store has not reported yet.
    announced: Mutex<HashMap<Box<str>, Draft>>,
}

struct State {
    objects: Objects,
    ring: Ring,
    interests: Interests,
    /// The revision of the newest change, or of the read that filled the cache.
    revision: u64,
}

/// What the store reports of one key.
pub(crate) struct Report {
    /// The key below the prefix.
    pub(crate) key: String,
    pub(crate) revision: ResourceVersion,
    /// None if the key was removed.
    pub(crate) value: Option<Bytes>,
}

/// All objects at one revision.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) objects: Objects,
    pub(crate) revision: u64,
}

impl Cache {
    /// An empty cache for the objects of `kind`, to be filled by [`Cache::restart`].
    pub(crate) fn new(kind: Arc<dyn Kind>) -> Self {
        Self {
            prefix: kind.descriptor().storage_prefix.clone(),
            kind,
            state: RwLock::new(State {
                objects: Objects::new(),
                ring: Ring::new(0),
                interests: Interests::default(),
                revision: 0,
            }),
            announced: Mutex::default(),
        }
    }

    /// Keys in the store begin with this.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Replaces everything by what the store holds. Watchers find that they have lost their place.
    pub(crate) fn restart(&self, Snapshot { objects, revision }: Snapshot) {
        self.announced.lock().clear();
        let mut state = self.state.write();
        let lost = state.ring.end();
        state.objects = objects;
        state.revision = revision;
        state.ring.restart(revision);
        let groups: Vec<_> = state.interests.groups().cloned().collect();
        drop(state);
        for group in groups {
            group.file(lost, lost);
            group.wake.notify_waiters();
        }
    }

    /// Applies changes in the store's order, whole revisions at a time, and says whose watchers are to be woken once the
    /// revision is published.
    pub(crate) fn apply(&self, reports: Vec<Report>) -> Result<Vec<Arc<Group>>, Status> {
        let mut touched = Vec::new();
        let now = Instant::now();
        let changes = reports.into_iter().map(|report| self.finish(report));
        let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
        let mut state = self.state.write();
        for (key, revision, current) in changes {
            state.apply(&key, revision, current, now, &mut touched);
        }
        Ok(touched)
    }

    /// Makes the object of a report, from the bytes of the writer who announced it if it was one of ours.
    fn finish(&self, report: Report) -> Result<(String, ResourceVersion, Option<Arc<Object>>), Status> {
        let Some(value) = report.value else {
            return Ok((report.key, report.revision, None));
        };
        let draft = match self.take_announced(&report.key, &value) {
            Some(draft) => draft,
            None => Draft::of_stored(&*self.kind, value)?,
        };
        let object = draft.at(Some(report.revision));
        Ok((report.key, report.revision, Some(Arc::new(object))))
    }

    fn take_announced(&self, key: &str, value: &Bytes) -> Option<Draft> {
        let mut announced = self.announced.lock();
        let expected = announced.get(key)?.value();
        if expected.as_ptr() != value.as_ptr() && expected != value {
            return None;
        }
        announced.remove(key)
    }

    /// Tells the cache of a write that is about to be tried, so that its bytes need not be parsed again when it comes back.
    pub(crate) fn announce<'a>(&'a self, draft: &'a Draft) -> Announcement<'a> {
        let key = draft.index().key().as_ref().into();
        self.announced.lock().insert(key, draft.clone());
        Announcement { cache: self, draft }
    }

    /// One object.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.state.read().objects.get(key).cloned()
    }

    /// Everything now. `applied` is a revision up to which the cache is known to have followed the store.
    pub(crate) fn snapshot(&self, applied: u64) -> Snapshot {
        let state = self.state.read();
        Snapshot {
            objects: state.objects.clone(),
            revision: applied.max(state.revision),
        }
    }

    /// Everything as it was at `revision`, which must have been reached. None if that is too long ago.
    pub(crate) fn snapshot_at(&self, revision: u64) -> Option<Snapshot> {
        let state = self.state.read();
        let mut objects = state.objects.clone();
        let undo: Vec<_> = state.ring.after(revision)?.rev().cloned().collect();
        drop(state);
        for change in undo {
            match &change.previous {
                Some(object) => objects.insert(Arc::clone(object.shared_key()), Arc::clone(object)),
                None => objects.remove(change.key()),
            };
        }
        Some(Snapshot { objects, revision })
    }

    /// Begins to follow the changes that `interest` covers. `applied` is a revision up to which the cache is known to have
    /// followed the store.
    pub(crate) fn follow(
        self: &Arc<Self>,
        interest: Interest,
        start: Start,
        applied: u64,
    ) -> Result<Followed, TooOld> {
        let mut state = self.state.write();
        let present = Snapshot {
            objects: state.objects.clone(),
            revision: applied.max(state.revision),
        };
        let (after, missed) = match start {
            Start::Now => (present.revision, Vec::new()),
            Start::After(revision) => {
                let oldest = state.ring.complete_after();
                let missed = state.ring.after(revision).ok_or(TooOld { oldest })?;
                (revision, missed.cloned().collect())
            }
        };
        let cursor = Cursor {
            group: state.interests.join(interest),
            next: state.ring.end(),
            cache: Arc::clone(self),
        };
        Ok(Followed {
            state: present,
            missed,
            after,
            cursor,
        })
    }

    /// What the store held at `revision`.
    pub(crate) fn snapshot_of(
        &self,
        reports: impl Iterator<Item = Report>,
        revision: u64,
    ) -> Result<Snapshot, Status> {
        let mut objects = Objects::new();
        for report in reports {
            let Some(value) = report.value else { continue };
            let object = self.object(value, report.revision)?;
            objects.insert(Arc::clone(object.shared_key()), object);
        }
        Ok(Snapshot { objects, revision })
    }

    /// The object of what the store holds.
    pub(crate) fn object_of(&self, kv: KeyValue) -> Result<Arc<Object>, Status> {
        let revision = ResourceVersion::new(kv.mod_revision.get());
        let revision = revision.ok_or_else(|| Status::internal("a stored key has no revision"))?;
        self.object(kv.value, revision)
    }

    fn object(&self, value: Bytes, revision: ResourceVersion) -> Result<Arc<Object>, Status> {
        let draft = Draft::of_stored(&*self.kind, value)?;
        Ok(Arc::new(draft.at(Some(revision))))
    }

    /// The kind in whose form the objects are stored.
    pub(crate) fn kind(&self) -> &dyn Kind {
        &*self.kind
    }
}

impl State {
    fn apply(
        &mut self,
        key: &str,
        revision: ResourceVersion,
        current: Option<Arc<Object>>,
        now: Instant,
        touched: &mut Vec<Arc<Group>>,
    ) {
        self.revision = revision.get();
        let previous = match &current {
            Some(object) => self
                .objects
                .insert(Arc::clone(object.shared_key()), Arc::clone(object)),
            None => self.objects.remove(key),
        };
        if current.is_none() && previous.is_none() {
            return;
        }
        let change = Arc::new(Change::new(revision, current, previous));
        let number = self.ring.end();
        self.ring.push(Arc::clone(&change), now);
        self.interests.file(&change, number, self.ring.first(), touched);
    }
}

/// A write that was announced. It is taken back when this is dropped, unless it stands.
pub(crate) struct Announcement<'a> {
    cache: &'a Cache,
    draft: &'a Draft,
}

impl Announcement<'_> {
    /// The write happened: the store will report it.
    pub(crate) fn stands(self) {
        std::mem::forget(self);
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        let key = self.draft.index().key();
        let mut announced = self.cache.announced.lock();
        if announced
            .get(&**key)
            .is_some_and(|a| a.value() == self.draft.value())
        {
            announced.remove(&**key);
        }
    }
}

/// Where to begin to follow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// After the present state.
    Now,
    /// After that revision.
    After(u64),
}

/// The changes after a revision are no longer held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooOld {
    /// The oldest revision to start from.
    pub(crate) oldest: u64,
}

/// The beginning of a watch.
pub(crate) struct Followed {
    /// The present state.
    pub(crate) state: Snapshot,
    /// What happened between the start and now.
    pub(crate) missed: Vec<Arc<Change>>,
    /// Changes up to this revision are not part of the watch.
    pub(crate) after: u64,
    /// What happens from now on.
    pub(crate) cursor: Cursor,
}

/// A place among the changes of a cache. Holds nothing but a number: a slow reader costs nothing, and may lose its place.
pub(crate) struct Cursor {
    cache: Arc<Cache>,
    group: Arc<Group>,
    next: u64,
}

/// A reader was so slow that changes have gone before it saw them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lagged;

impl Cursor {
    /// The next change, if there is one.
    pub(crate) fn try_next(&mut self) -> Result<Option<Arc<Change>>, Lagged> {
        let state = self.cache.state.read();
        let Some(number) = self.group.next(self.next, state.ring.end()) else {
            return Ok(None);
        };
        let change = state.ring.get(number).ok_or(Lagged)?;
        self.next = number + 1;
        Ok(Some(Arc::clone(change)))
    }

    /// Who rings when there is something new.
    pub(crate) fn group(&self) -> &Arc<Group> {
        &self.group
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.cache.state.write().interests.leave(&self.group);
    }
}

impl Snapshot {
    /// The objects that a selection may match, from the key `start` on.
    pub(crate) fn candidates(
        &self,
        selection: &Selection,
        start: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Object>> {
        let (first, last) = match selection.key() {
            Some(key) => (key.to_owned(), Bound::Included(key.to_owned())),
            None => match selection.namespace() {
                // The slash behind the namespace, and the character after the slash.
                Some(namespace) => (format!("{namespace}/"), Bound::Excluded(format!("{namespace}0"))),
                None => (String::new(), Bound::Unbounded),
            },
        };
        let first = start
            .filter(|start| **start > *first)
            .map_or(first, ToOwned::to_owned);
        let range = (Bound::Included(first.as_str()), last.as_ref().map(String::as_str));
        let is_empty = match range.1 {
            Bound::Included(last) => *first > *last,
            Bound::Excluded(last) => *first >= *last,
            Bound::Unbounded => false,
        };
        let objects = (!is_empty).then(|| self.objects.range::<_, str>(range));
        objects.into_iter().flatten().map(|(_, object)| object)
    }
}
