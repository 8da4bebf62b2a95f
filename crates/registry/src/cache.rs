//! The watch cache of one storage prefix: every object as it is now, and what changed recently.

mod change;
mod interest;
mod objects;
mod ring;
mod trait_index;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use imbl::OrdMap;
use meta::{ResourceVersion, Status};
use parking_lot::{Mutex, RwLock};
use store::{Event, KeyValue};
use tokio::time::Instant;

pub(crate) use change::{Change, Damage};
pub(crate) use interest::{Group, Interest};
pub(crate) use trait_index::Trait;

use crate::draft::Draft;
use crate::object::Object;
use crate::selection::Selection;
use crate::storage_encoding::StoredKind;
use interest::Interests;
use objects::Objects;
use ring::Ring;
use trait_index::Indexes;

/// Fewer objects than this are looked at one by one sooner than found by an index.
const WORTH_INDEXING: usize = 1000;

/// A value that everything selected has, if there is one to find objects by.
pub(crate) type Narrowing<'a> = Option<(Trait, &'a str)>;

/// What lies under keys and is no object. Hardly ever anything.
pub(crate) type Damages = OrdMap<Box<str>, Arc<Damage>>;

/// The objects of one storage prefix.
pub(crate) struct Cache {
    prefix: String,
    stored: StoredKind,
    state: RwLock<State>,
    /// What writers have encoded and the store has not reported yet, in the order of their coming.
    announced: Mutex<HashMap<Box<str>, VecDeque<Draft>>>,
    /// Whether nothing is served of it any more: watches end.
    closed: AtomicBool,
}

struct State {
    objects: Objects,
    indexes: Mutex<Indexes>,
    damages: Damages,
    ring: Ring,
    interests: Interests,
    /// The revision of the newest change, or of the read that filled the cache.
    revision: u64,
    /// The revision of the read that filled the cache: what is reported of earlier ones is in it.
    loaded: u64,
    /// What was reported while the cache was not yet filled; none once it is.
    waiting: Option<Vec<Report>>,
}

/// What the store reports of one key.
#[derive(Clone)]
pub(crate) struct Report {
    /// The key below the prefix.
    pub(crate) key: String,
    pub(crate) revision: ResourceVersion,
    /// None if the key was removed.
    pub(crate) value: Option<Bytes>,
}

/// What a report says of a key, once it is understood.
enum Found {
    Object(Arc<Object>),
    Damage(Arc<Damage>),
    Nothing,
}

/// All objects at one revision.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) objects: Objects,
    /// All objects, where the others are only those of a trait.
    all: Option<Objects>,
    /// Keys that hold no object at present.
    damages: Damages,
    pub(crate) revision: u64,
}

impl Cache {
    /// An empty cache for the objects of a prefix, to be filled by [`Cache::restart`].
    pub(crate) fn new(stored: StoredKind) -> Self {
        Self {
            prefix: stored.kind.descriptor().storage_prefix.clone(),
            stored,
            state: RwLock::new(State {
                objects: Objects::default(),
                damages: Damages::new(),
                indexes: Mutex::default(),
                ring: Ring::new(0),
                interests: Interests::default(),
                revision: 0,
                loaded: 0,
                waiting: None,
            }),
            announced: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// An empty cache that keeps what is reported until [`Cache::fill`].
    pub(crate) fn filling(stored: StoredKind) -> Self {
        let mut cache = Self::new(stored);
        cache.state.get_mut().waiting = Some(Vec::new());
        cache
    }

    /// Fills the cache with what the store held, and what was reported since then. Nothing is done if the cache has been
    /// filled by [`Cache::restart`].
    pub(crate) fn fill(&self, snapshot: Snapshot) {
        let mut state = self.state.write();
        let Some(mut waiting) = state.waiting.take() else {
            return;
        };
        waiting.retain(|report| report.revision.get() > snapshot.revision);
        state.take(snapshot);
        let now = Instant::now();
        for report in waiting {
            let (key, revision) = (report.key.clone(), report.revision);
            // Nobody watches yet.
            state.apply(&key, revision, self.find(report), now, &mut Vec::new());
        }
    }

    /// Says that nothing is served of it any more: watches tell what they have, and end.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let state = self.state.read();
        let groups: Vec<_> = state.interests.groups().cloned().collect();
        drop(state);
        for group in groups {
            group.wake.notify_waiters();
        }
    }

    /// Keys in the store begin with this.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Replaces everything by what the store holds. Watchers find that they have lost their place.
    pub(crate) fn restart(&self, snapshot: Snapshot) {
        self.announced.lock().clear();
        let mut state = self.state.write();
        let lost = state.ring.end();
        state.waiting = None;
        state.take(snapshot);
        let groups: Vec<_> = state.interests.groups().cloned().collect();
        drop(state);
        for group in groups {
            group.file(lost, lost);
            group.wake.notify_waiters();
        }
    }

    /// Applies changes in the store's order, whole revisions at a time, and says whose watchers are to be woken once the
    /// revision is published.
    pub(crate) fn apply(&self, reports: Vec<Report>) -> Vec<Arc<Group>> {
        let mut touched = Vec::new();
        let Some(reports) = self.due(reports) else {
            return touched;
        };
        let now = Instant::now();
        let changes = reports.into_iter().map(|report| {
            let (key, revision) = (report.key.clone(), report.revision);
            (key, revision, self.find(report))
        });
        let changes: Vec<_> = changes.collect();
        let mut state = self.state.write();
        for (key, revision, found) in changes {
            state.apply(&key, revision, found, now, &mut touched);
        }
        touched
    }

    /// The reports that are to be applied now; none if they wait until the cache is filled.
    fn due(&self, mut reports: Vec<Report>) -> Option<Vec<Report>> {
        let state = self.state.read();
        let (is_filled, mut loaded) = (state.waiting.is_none(), state.loaded);
        drop(state);
        if !is_filled {
            let mut state = self.state.write();
            if let Some(waiting) = &mut state.waiting {
                waiting.extend(reports);
                return None;
            }
            loaded = state.loaded;
        }
        reports.retain(|report| report.revision.get() > loaded);
        Some(reports)
    }

    /// Makes the object of a report, from the bytes of the writer who announced it if it was one of ours.
    fn find(&self, report: Report) -> Found {
        let Some(value) = report.value else {
            return Found::Nothing;
        };
        let draft = match self.announced(&report.key, &value) {
            Some(draft) => Ok(draft),
            None => self.read(&report.key, value),
        };
        match draft {
            Ok(draft) => Found::Object(draft.written_at(report.revision)),
            Err(damage) => Found::Damage(Arc::new(damage)),
        }
    }

    /// The draft of what lies under a key; else what is wrong with it.
    fn read(&self, key: &str, value: Bytes) -> Result<Draft, Damage> {
        let draft = Draft::of_stored(&self.stored, value).and_then(|draft| match draft.index().key() {
            own if own == key => Ok(draft),
            own => Err(format!("it holds the object of another key, {own:?}")),
        });
        draft.map_err(|problem| self.damage(key, problem))
    }

    fn damage(&self, key: &str, problem: String) -> Damage {
        let key_in_store = [&self.prefix, key].concat();
        tracing::error!(problem, key = key_in_store, "a stored object cannot be read");
        Damage {
            key: key.into(),
            problem,
        }
    }

    /// Adds to a state that the store itself has lost what lay under a key.
    pub(crate) fn lose(&self, snapshot: &mut Snapshot, key: &[u8], problem: String) {
        let below = key.get(self.prefix.len()..).map(str::from_utf8);
        if let Some(Ok(key)) = below {
            snapshot
                .damages
                .insert(key.into(), Arc::new(self.damage(key, problem)));
        }
    }

    /// The draft of what is reported. What was announced before it will not be reported any more.
    fn announced(&self, key: &str, value: &Bytes) -> Option<Draft> {
        let mut announced = self.announced.lock();
        let drafts = announced.get_mut(key)?;
        let at = drafts.iter().position(|draft| draft.is_stored_as(value))?;
        let draft = drafts.drain(..=at).next_back();
        if drafts.is_empty() {
            announced.remove(key);
        }
        draft
    }

    /// Tells the cache of a write that is about to be tried, so that its bytes need not be parsed again when it comes back.
    pub(crate) fn announce<'a>(&'a self, draft: &'a Draft) -> Announcement<'a> {
        let key = draft.index().key().into();
        let mut announced = self.announced.lock();
        announced.entry(key).or_default().push_back(draft.clone());
        drop(announced);
        Announcement { cache: self, draft }
    }

    /// One object. A 500 for what is stored under the key and cannot be read.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Arc<Object>>, Status> {
        let state = self.state.read();
        match state.damages.get(key) {
            Some(damage) => Err(damage.to_status(&self.prefix)),
            None => Ok(state.objects.get(key)),
        }
    }

    /// The revision of the newest change, or of the read that filled the cache.
    pub(crate) fn changed_at(&self) -> u64 {
        self.state.read().revision
    }

    /// How many keys hold what is no object.
    pub(crate) fn unreadable_objects(&self) -> usize {
        self.state.read().damages.len()
    }

    /// Everything now, or (`selection`) no more than may be selected, as far as that can be told without looking at objects.
    /// `applied` is a revision up to which the cache is known to have followed the store.
    pub(crate) fn snapshot(&self, applied: u64, selection: Narrowing<'_>) -> Snapshot {
        let state = self.state.read();
        state.snapshot_for(applied, selection)
    }

    /// Everything as it was at `revision`, which must have been reached. None if that is too long ago.
    pub(crate) fn snapshot_at(&self, revision: u64) -> Option<Snapshot> {
        let state = self.state.read();
        let Snapshot {
            mut objects, damages, ..
        } = state.snapshot(revision);
        let undo: Vec<_> = state.ring.after(revision)?.rev().cloned().collect();
        drop(state);
        for change in undo {
            match &change.previous {
                Some(object) => objects.insert(object),
                None => objects.remove(change.key()),
            };
        }
        Some(Snapshot {
            all: None,
            objects,
            damages,
            revision,
        })
    }

    /// Begins to follow the changes that `interest` covers. `applied` is a revision up to which the cache is known to have
    /// followed the store.
    pub(crate) fn follow(
        self: &Arc<Self>,
        interest: Interest,
        selection: Narrowing<'_>,
        start: Start,
        applied: u64,
    ) -> Result<Followed, TooOld> {
        let mut state = self.state.write();
        let present = state.snapshot_for(applied, selection);
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

    /// Adds what the store held to a state.
    pub(crate) fn extend(&self, snapshot: &mut Snapshot, reports: impl Iterator<Item = Report>) {
        for report in reports {
            match self.find(report) {
                Found::Object(object) => {
                    snapshot.objects.insert(&object);
                }
                Found::Damage(damage) => {
                    snapshot.damages.insert(damage.key.clone(), damage);
                }
                Found::Nothing => {}
            }
        }
    }

    /// The object of what the store holds under a key of this cache.
    pub(crate) fn object_of(&self, kv: KeyValue) -> Result<Arc<Object>, Status> {
        let report = Report::of_put(self.prefix.len(), kv);
        let report = report.ok_or_else(|| Status::internal("a stored key has no revision"))?;
        let draft = self.read(&report.key, report.value.unwrap_or_default());
        let draft = draft.map_err(|damage| damage.to_status(&self.prefix))?;
        Ok(Arc::new(draft.at(Some(report.revision))))
    }

    /// How the objects lie in the store.
    pub(crate) fn stored(&self) -> &StoredKind {
        &self.stored
    }
}

impl Report {
    /// What a key holds; none for a key that is no text.
    pub(crate) fn of_put(prefix_bytes: usize, kv: KeyValue) -> Option<Self> {
        Some(Self {
            key: below(prefix_bytes, &kv.key)?,
            revision: ResourceVersion::new(kv.mod_revision.get())?,
            value: Some(kv.value),
        })
    }

    /// What a change of a key says.
    pub(crate) fn of_event(prefix_bytes: usize, event: Event) -> Option<Self> {
        match event {
            Event::Put { current, .. } => Self::of_put(prefix_bytes, current),
            Event::Delete { key, revision, .. } => Some(Self {
                key: below(prefix_bytes, &key)?,
                revision: ResourceVersion::new(revision.get())?,
                value: None,
            }),
        }
    }
}

fn below(prefix_bytes: usize, key: &[u8]) -> Option<String> {
    let key = std::str::from_utf8(key.get(prefix_bytes..)?).ok()?;
    Some(key.to_owned())
}

impl State {
    /// Replaces everything by what the store holds.
    fn take(&mut self, snapshot: Snapshot) {
        let revision = snapshot.revision;
        self.objects = snapshot.objects;
        *self.indexes.get_mut() = Indexes::default();
        self.damages = snapshot.damages;
        self.revision = revision;
        self.loaded = revision;
        self.ring.restart(revision);
    }

    fn snapshot_for(&self, applied: u64, selection: Narrowing<'_>) -> Snapshot {
        let mut snapshot = self.snapshot(applied.max(self.revision));
        if let Some((of, value)) = selection
            && self.objects.len() >= WORTH_INDEXING
            && let Some(selected) = self.indexes.lock().select(&self.objects, &of, value)
        {
            snapshot.all = Some(std::mem::replace(&mut snapshot.objects, selected));
        }
        snapshot
    }

    fn snapshot(&self, revision: u64) -> Snapshot {
        Snapshot {
            objects: self.objects.clone(),
            all: None,
            damages: self.damages.clone(),
            revision,
        }
    }

    fn apply(
        &mut self,
        key: &str,
        revision: ResourceVersion,
        found: Found,
        now: Instant,
        touched: &mut Vec<Arc<Group>>,
    ) {
        self.revision = revision.get();
        self.damages.remove(key);
        let change = match found {
            Found::Object(object) => {
                let previous = self.objects.insert(&object);
                Change::new(revision, Some(object), previous)
            }
            Found::Damage(damage) => {
                self.damages.insert(key.into(), Arc::clone(&damage));
                Change::damaged(revision, damage, self.objects.remove(key))
            }
            Found::Nothing => match self.objects.remove(key) {
                Some(previous) => Change::new(revision, None, Some(previous)),
                None => return,
            },
        };
        let (previous, current) = (change.previous.as_ref(), change.current.as_ref());
        self.indexes.get_mut().apply(previous, current);
        let change = Arc::new(change);
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
        if let Some(drafts) = announced.get_mut(key) {
            drafts.retain(|draft| draft.value().as_ptr() != self.draft.value().as_ptr());
            if drafts.is_empty() {
                announced.remove(key);
            }
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

    /// Whether nothing will follow on what is there already.
    pub(crate) fn is_last(&self) -> bool {
        self.cache.closed.load(Ordering::Acquire)
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
    /// Nothing yet, as it was at `revision`.
    pub(crate) fn empty(revision: u64) -> Self {
        Self {
            objects: Objects::default(),
            all: None,
            damages: Damages::new(),
            revision,
        }
    }

    /// A 500 if something that a selection is about cannot be read: nobody knows whether it is selected.
    pub(crate) fn ensure_readable(&self, selection: &Selection, prefix: &str) -> Result<(), Status> {
        let damages = self.damages.iter().filter(|(key, _)| selection.covers(key));
        match damages.map(|(_, damage)| damage).next() {
            Some(damage) => Err(damage.to_status(prefix)),
            None => Ok(()),
        }
    }

    /// The objects that a selection may match, from the key `start` on.
    pub(crate) fn candidates(
        &self,
        selection: &Selection,
        start: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.range(selection.key(), selection.namespace(), start)
    }

    /// Whether there is any object behind that key where the selection looks, selected or not.
    pub(crate) fn goes_on(&self, selection: &Selection, key: &str) -> bool {
        let start = format!("{key}\0");
        let all = self.all.as_ref().unwrap_or(&self.objects);
        let mut rest = all.range(selection.key(), selection.namespace(), Some(&start));
        rest.next().is_some()
    }
}
