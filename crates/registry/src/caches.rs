//! All watch caches of a store, kept up to date by one task that follows one watch.
//!
//! Those of built-in kinds are there for good. Those of custom resources come and go: such a cache is followed as long as
//! anyone holds it, also beside its successor.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::StreamExt;
use meta::Status;
use parking_lot::Mutex;
use resource::Kind;
use store::{
    Event, KeyRange, KeyValue, ProgressRequester, RangeRequest, Revision, StateStore, StoreError,
    Transaction, WatchRequest, WatchStream,
};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::AbortHandle;

use crate::cache::{Cache, Group, Report, Snapshot};
use crate::storage_encoding::{StorageEncoding, StoredKind};
use crate::{compaction, fault};

/// Keys of the cluster's state begin with this, as upstream lays them out.
const ROOT: &str = "/registry/";
/// How long to wait before the store is asked again after it failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long to wait before a store that is behind is asked again how far it is.
const PROGRESS_AFTER: Duration = Duration::from_millis(10);
/// So many keys are read at once, so that never more than a part of a large prefix is held twice.
const PAGE: usize = 500;

/// By prefix: the newest cache last, before it such as are still in use.
type Passing = BTreeMap<String, Vec<Weak<Cache>>>;

/// The watch caches of a store.
pub(crate) struct Caches {
    shared: Arc<Shared>,
    /// What follows the store while the caches live.
    following: AbortHandle,
}

struct Shared {
    store: Arc<dyn StateStore>,
    by_prefix: BTreeMap<String, Arc<Cache>>,
    /// Caches that come and go.
    passing: ArcSwap<Passing>,
    /// Held while caches are read from the store, so that none is added between the read of the others and the watch that goes
    /// on from there.
    loading: AsyncMutex<()>,
    /// The revision up to which every cache has followed the store.
    applied: watch::Sender<u64>,
    /// The highest revision for which the store was asked to report progress.
    requested: AtomicU64,
    progress: Mutex<Option<ProgressRequester>>,
    following: AtomicBool,
}

impl Caches {
    /// Loads a cache for every storage prefix of the kinds and begins to follow the store.
    pub(crate) async fn start(
        store: Arc<dyn StateStore>,
        kinds: &[Arc<dyn Kind>],
        encoding: StorageEncoding,
    ) -> Result<Self, Status> {
        if store.latest_revision().await.map_err(fault::of_store)?.is_zero() {
            // A cluster's first list must have a revision to be watched from. An etcd has one from the start.
            let first = Transaction::create(compaction::KEY.into(), "0".into());
            store.commit(first).await.map_err(fault::of_store)?;
        }
        let shared = Arc::new(Shared {
            by_prefix: by_prefix(kinds, encoding),
            passing: ArcSwap::default(),
            loading: AsyncMutex::default(),
            store,
            applied: watch::Sender::new(0),
            requested: AtomicU64::new(0),
            progress: Mutex::default(),
            following: AtomicBool::new(false),
        });
        let stream = shared.load().await.map_err(fault::of_store)?;
        let following = tokio::spawn(Arc::clone(&shared).follow(stream)).abort_handle();
        Ok(Self { shared, following })
    }

    /// The cache of a built-in storage prefix.
    pub(crate) fn get(&self, prefix: &str) -> Option<&Arc<Cache>> {
        self.shared.by_prefix.get(prefix)
    }

    /// A cache of its own for objects that were not followed till now, or that are to be seen in another way: loaded, and
    /// followed as long as it is held.
    pub(crate) async fn add(&self, stored: StoredKind) -> Result<Arc<Cache>, Status> {
        let cache = Arc::new(Cache::filling(stored));
        let _others_wait = self.shared.loading.lock().await;
        self.shared.follow_too(&cache);
        let store = self.store();
        // Whatever the task that follows the store has missed of the new cache is in this revision.
        let revision = store.latest_revision().await.map_err(fault::of_store)?;
        let snapshot = read(store, &cache, revision).await.map_err(fault::of_store)?;
        cache.fill(snapshot);
        Ok(cache)
    }

    /// The revision up to which every cache has followed the store.
    pub(crate) fn applied(&self) -> u64 {
        *self.shared.applied.borrow()
    }

    /// Whether the caches follow the store at present.
    pub(crate) fn is_following(&self) -> bool {
        self.shared.following.load(Ordering::Acquire)
    }

    /// How many keys hold what is no object.
    pub(crate) fn unreadable_objects(&self) -> usize {
        let caches = self.shared.all();
        caches.iter().map(|cache| cache.unreadable_objects()).sum()
    }

    pub(crate) fn store(&self) -> &dyn StateStore {
        &*self.shared.store
    }

    /// The state of a cache at a revision that the cache itself no longer remembers. 410 if the store does not either.
    pub(crate) async fn read_at(&self, cache: &Cache, revision: u64) -> Result<Snapshot, Status> {
        let read = read(self.store(), cache, Revision::new(revision)).await;
        read.map_err(|error| match error {
            StoreError::Compacted { .. } => Status::expired(error.to_string()),
            error => fault::of_store(error),
        })
    }

    /// Waits until the caches show everything that was committed before the call, by whichever server.
    pub(crate) async fn catch_up(&self) -> Result<u64, Status> {
        let latest = self.shared.store.latest_revision().await;
        let latest = latest.map_err(fault::of_store)?.get();
        if self.applied() < latest {
            self.shared.request_progress(latest);
        }
        Ok(self.arrive(latest).await)
    }

    /// Waits until the caches have reached `revision`, which a client has named.
    pub(crate) async fn reach(&self, revision: u64) -> u64 {
        let applied = self.applied();
        if applied >= revision {
            return applied;
        }
        // What the store does not have is not asked for: nobody would be told of what it does have any more.
        if let Ok(latest) = self.shared.store.latest_revision().await {
            self.shared.request_progress(revision.min(latest.get()));
        }
        self.arrive(revision).await
    }

    async fn arrive(&self, revision: u64) -> u64 {
        let mut applied = self.shared.applied.subscribe();
        match applied.wait_for(|applied| *applied >= revision).await {
            Ok(applied) => *applied,
            Err(_) => unreachable!("the sender lives in self"),
        }
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn by_prefix(kinds: &[Arc<dyn Kind>], encoding: StorageEncoding) -> BTreeMap<String, Arc<Cache>> {
    let stored = kinds
        .iter()
        .filter(|kind| !kind.converts() && !kind.descriptor().storage_prefix.is_empty());
    stored
        .map(|kind| {
            let cache = Cache::new(StoredKind::new(Arc::clone(kind), kinds, encoding));
            (cache.prefix().to_owned(), Arc::new(cache))
        })
        .collect()
}

impl Shared {
    /// Reads everything at one revision, and watches what follows on it.
    async fn load(&self) -> Result<WatchStream, StoreError> {
        let _others_wait = self.loading.lock().await;
        let revision = self.store.latest_revision().await?;
        for cache in self.all() {
            cache.restart(read(&*self.store, &cache, revision).await?);
        }
        let stream = self.watch(revision).await?;
        self.publish(revision.get());
        Ok(stream)
    }

    /// Every cache that there is.
    fn all(&self) -> Vec<Arc<Cache>> {
        let passing = self.passing.load();
        let passing = passing.values().flatten().filter_map(Weak::upgrade);
        self.by_prefix.values().cloned().chain(passing).collect()
    }

    /// Begins to report to a cache, and forgets those that are gone.
    fn follow_too(&self, cache: &Arc<Cache>) {
        self.passing.rcu(|passing| {
            let mut passing = Passing::clone(passing);
            passing.retain(|_, caches| {
                caches.retain(|cache| cache.strong_count() > 0);
                !caches.is_empty()
            });
            let caches = passing.entry(cache.prefix().to_owned()).or_default();
            caches.push(Arc::downgrade(cache));
            passing
        });
    }

    /// Watches what follows on a revision that the caches have reached.
    async fn watch(&self, after: Revision) -> Result<WatchStream, StoreError> {
        let request = WatchRequest::new(KeyRange::prefix(ROOT)).after(after);
        let stream = self.store.watch(request).await?;
        let progress = stream.progress_requester();
        // Who waits for the watch that went has asked in vain.
        if self.is_awaited(after) {
            progress.request();
        }
        *self.progress.lock() = Some(progress);
        self.following.store(true, Ordering::Release);
        Ok(stream)
    }

    /// Applies what the store reports, for ever.
    async fn follow(self: Arc<Self>, mut stream: WatchStream) {
        loop {
            let (received, lost) = self.apply_all(&mut stream).await;
            self.following.store(false, Ordering::Release);
            tracing::warn!(error = %lost, "the watch caches have lost the store");
            if !received {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            stream = self.resume(lost).await;
        }
    }

    /// Applies what a watch reports until it ends; says whether that was anything, and why it ended.
    async fn apply_all(&self, stream: &mut WatchStream) -> (bool, StoreError) {
        let mut received = false;
        loop {
            let batch = match stream.next().await {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => return (received, error),
                None => {
                    let ended = String::from("the watch has ended");
                    return (received, StoreError::Unavailable(ended));
                }
            };
            received = true;
            let is_mark = batch.events.is_empty();
            self.apply(batch.revision, batch.events);
            if is_mark && self.is_awaited(batch.revision) {
                self.ask_again();
            }
        }
    }

    /// Goes on with what follows on the last revision applied. Only if the store does not hold that any more, everything is
    /// read again, and watchers lose their places.
    async fn resume(&self, lost: StoreError) -> WatchStream {
        // What is damaged cannot be told of, but it can be read around.
        let is_forgotten =
            |error: &StoreError| matches!(error, StoreError::Compacted { .. } | StoreError::Corrupt { .. });
        let mut begin_anew = is_forgotten(&lost);
        loop {
            let applied = Revision::new(*self.applied.borrow());
            let resumed = match begin_anew {
                true => self.load().await,
                false => self.watch(applied).await,
            };
            match resumed {
                Ok(stream) => return stream,
                Err(error) => {
                    begin_anew |= is_forgotten(&error);
                    tracing::error!(%error, "the watch caches cannot go on");
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Whether a reader waits for a revision after that one.
    fn is_awaited(&self, revision: Revision) -> bool {
        self.requested.load(Ordering::Acquire) > revision.get()
    }

    /// A store of several members may answer from one that is behind the others.
    fn ask_again(&self) {
        let Some(progress) = self.progress.lock().clone() else {
            return;
        };
        tokio::spawn(async move {
            tokio::time::sleep(PROGRESS_AFTER).await;
            progress.request();
        });
    }

    fn apply(&self, revision: Revision, events: Vec<Event>) {
        let passing = self.passing.load();
        let mut by_prefix: BTreeMap<&str, (Followers<'_>, Vec<Report>)> = BTreeMap::new();
        for event in events {
            let Some((prefix, followers)) = self.followers_of(&passing, event.key()) else {
                continue;
            };
            let entry = by_prefix.entry(prefix);
            let (_, reports) = entry.or_insert_with(|| (followers, Vec::new()));
            reports.extend(Report::of_event(prefix.len(), event));
        }
        let mut touched: Vec<Arc<Group>> = Vec::new();
        for (followers, reports) in by_prefix.into_values() {
            match followers {
                Followers::Fixed(cache) => touched.extend(cache.apply(reports)),
                Followers::Passing(caches) => {
                    for cache in caches.iter().filter_map(Weak::upgrade) {
                        touched.extend(cache.apply(reports.clone()));
                    }
                }
            }
        }
        self.publish(revision.get());
        for group in touched {
            group.wake.notify_waiters();
        }
    }

    /// No prefix is the beginning of another, so the greatest that is not after the key is the only candidate.
    fn followers_of<'a>(&'a self, passing: &'a Passing, key: &[u8]) -> Option<(&'a str, Followers<'a>)> {
        let key = std::str::from_utf8(key).ok()?;
        if let Some((prefix, cache)) = beginning_of(&self.by_prefix, key) {
            return Some((prefix, Followers::Fixed(cache)));
        }
        let (prefix, caches) = beginning_of(passing, key)?;
        Some((prefix, Followers::Passing(caches)))
    }

    fn publish(&self, revision: u64) {
        self.applied.send_replace(revision);
    }

    /// Has the store say how far it is, so that a reader does not wait for the next change. Once per revision.
    fn request_progress(&self, revision: u64) {
        if self.requested.fetch_max(revision, Ordering::AcqRel) < revision
            && let Some(progress) = &*self.progress.lock()
        {
            progress.request();
        }
    }
}

/// Who is told of changes below a prefix.
enum Followers<'a> {
    Fixed(&'a Cache),
    Passing(&'a [Weak<Cache>]),
}

/// The prefix that a key begins with.
fn beginning_of<'a, T>(prefixes: &'a BTreeMap<String, T>, key: &str) -> Option<(&'a str, &'a T)> {
    let before = (Bound::Unbounded, Bound::Included(key));
    let (prefix, of_prefix) = prefixes.range::<str, _>(before).next_back()?;
    key.starts_with(prefix.as_str())
        .then_some((prefix.as_str(), of_prefix))
}

/// Reads a storage prefix as it was at `revision`.
async fn read(store: &dyn StateStore, cache: &Cache, revision: Revision) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot::empty(revision.get());
    let mut rest = KeyRange::prefix(cache.prefix());
    loop {
        let request = RangeRequest::new(rest.clone()).at(revision).limit(PAGE);
        let (page, is_damaged) = match store.range(request.clone()).await {
            Err(StoreError::Corrupt { .. }) => (store.range(request.keys_only()).await?, true),
            page => (page?, false),
        };
        let last = page.key_values.last().map(|kv| kv.key.clone());
        if is_damaged {
            read_around_damage(store, cache, revision, page.key_values, &mut snapshot).await?;
        } else {
            extend(cache, page.key_values, &mut snapshot);
        }
        match last {
            Some(last) if page.more => rest.start = last.successor(),
            _ => return Ok(snapshot),
        }
    }
}

fn extend(cache: &Cache, key_values: Vec<KeyValue>, snapshot: &mut Snapshot) {
    let prefix_bytes = cache.prefix().len();
    let reports = key_values.into_iter();
    cache.extend(
        snapshot,
        reports.filter_map(|kv| Report::of_put(prefix_bytes, kv)),
    );
}

/// Reads keys one by one, so that a value that is damaged takes no other with it.
async fn read_around_damage(
    store: &dyn StateStore,
    cache: &Cache,
    revision: Revision,
    keys: Vec<KeyValue>,
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    for KeyValue { key, .. } in keys {
        match store.get(&key, Some(revision)).await {
            Ok(found) => extend(cache, found.into_iter().collect(), snapshot),
            Err(error @ StoreError::Corrupt { .. }) => cache.lose(snapshot, &key, error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::MemoryStore;

    #[tokio::test(start_paused = true)]
    async fn what_the_store_does_not_have_is_not_asked_for() {
        let store = Arc::new(MemoryStore::new());
        let caches = Caches::start(store.clone(), &[], StorageEncoding::Json)
            .await
            .unwrap();
        let wait = tokio::time::timeout(RETRY_AFTER, caches.reach(u64::MAX));
        assert!(wait.await.is_err(), "nobody gets there");
        // Else whoever waits for what changes elsewhere would not ask for it.
        let latest = store.current_revision().get();
        assert!(caches.shared.requested.load(Ordering::Acquire) <= latest);
        let put = Transaction::create("/elsewhere".into(), "x".into());
        store.commit(put).await.unwrap();
        assert_eq!(caches.catch_up().await, Ok(latest + 1));
    }
}
