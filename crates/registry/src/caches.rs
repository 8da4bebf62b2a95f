//! All watch caches of a store, kept up to date by one task that follows one watch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use meta::{ResourceVersion, Status};
use parking_lot::Mutex;
use resource::Kind;
use store::{
    Event, KeyRange, KeyValue, ProgressRequester, RangeRequest, Revision, StateStore, StoreError,
    Transaction, WatchRequest, WatchStream,
};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::cache::{Cache, Group, Report, Snapshot};
use crate::{compaction, fault};

/// Keys of the cluster's state begin with this, as upstream lays them out.
const ROOT: &str = "/registry/";
/// The key that upstream keeps its compaction in. Starting writes it into an empty store, so that a cluster's first list has
/// a revision to be watched from.
const COMPACTION_KEY: &str = "compact_rev_key";
/// How long to wait before the store is asked again after it failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The watch caches of a store.
pub(crate) struct Caches {
    shared: Arc<Shared>,
    /// What follows and compacts the store while the caches live.
    tasks: [AbortHandle; 2],
}

struct Shared {
    store: Arc<dyn StateStore>,
    by_prefix: BTreeMap<String, Arc<Cache>>,
    /// The revision up to which every cache has followed the store.
    applied: watch::Sender<u64>,
    /// The highest revision for which the store was asked to report progress.
    requested: AtomicU64,
    progress: Mutex<Option<ProgressRequester>>,
    following: AtomicBool,
}

impl Caches {
    /// Loads a cache for every storage prefix of the kinds and begins to follow the store.
    pub(crate) async fn start(store: Arc<dyn StateStore>, kinds: &[Arc<dyn Kind>]) -> Result<Self, Status> {
        if store.current_revision().is_zero() {
            let first = Transaction::create(COMPACTION_KEY.into(), "0".into());
            store.commit(first).await.map_err(fault::of_store)?;
        }
        let shared = Arc::new(Shared {
            by_prefix: by_prefix(kinds),
            store,
            applied: watch::Sender::new(0),
            requested: AtomicU64::new(0),
            progress: Mutex::default(),
            following: AtomicBool::new(false),
        });
        let stream = shared.load().await?;
        let tasks = [
            tokio::spawn(compaction::run(Arc::clone(&shared.store))).abort_handle(),
            tokio::spawn(Arc::clone(&shared).follow(stream)).abort_handle(),
        ];
        Ok(Self { shared, tasks })
    }

    /// The cache of a storage prefix.
    pub(crate) fn get(&self, prefix: &str) -> Option<&Arc<Cache>> {
        self.shared.by_prefix.get(prefix)
    }

    /// The revision up to which every cache has followed the store.
    pub(crate) fn applied(&self) -> u64 {
        *self.shared.applied.borrow()
    }

    /// Whether the caches follow the store at present.
    pub(crate) fn is_following(&self) -> bool {
        self.shared.following.load(Ordering::Acquire)
    }

    pub(crate) fn store(&self) -> &dyn StateStore {
        &*self.shared.store
    }

    /// The state of a cache at a revision that the cache itself no longer remembers. 410 if the store does not either.
    pub(crate) async fn read_at(&self, cache: &Cache, revision: u64) -> Result<Snapshot, Status> {
        read(self.store(), cache, Revision::new(revision)).await
    }

    /// Waits until the caches show everything that was committed before the call.
    pub(crate) async fn catch_up(&self) -> u64 {
        let current = self.shared.store.current_revision().get();
        self.reach(current).await
    }

    /// Waits until the caches have reached `revision`.
    pub(crate) async fn reach(&self, revision: u64) -> u64 {
        let applied = self.applied();
        if applied >= revision {
            return applied;
        }
        self.shared.request_progress(revision);
        let mut applied = self.shared.applied.subscribe();
        match applied.wait_for(|applied| *applied >= revision).await {
            Ok(applied) => *applied,
            Err(_) => unreachable!("the sender lives in self"),
        }
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn by_prefix(kinds: &[Arc<dyn Kind>]) -> BTreeMap<String, Arc<Cache>> {
    let stored = kinds
        .iter()
        .filter(|kind| !kind.converts() && !kind.descriptor().storage_prefix.is_empty());
    stored
        .map(|kind| {
            let cache = Cache::new(Arc::clone(kind));
            (cache.prefix().to_owned(), Arc::new(cache))
        })
        .collect()
}

impl Shared {
    /// Reads everything at one revision, and watches what follows on it.
    async fn load(&self) -> Result<WatchStream, Status> {
        let revision = self.store.current_revision();
        for cache in self.by_prefix.values() {
            cache.restart(read(&*self.store, cache, revision).await?);
        }
        let request = WatchRequest::new(KeyRange::prefix(ROOT)).after(revision);
        let stream = self.store.watch(request).await.map_err(fault::of_store)?;
        *self.progress.lock() = Some(stream.progress_requester());
        self.publish(revision.get());
        self.following.store(true, Ordering::Release);
        Ok(stream)
    }

    /// Applies what the store reports, for ever. A watch that breaks is begun anew, with everything read again.
    async fn follow(self: Arc<Self>, mut stream: WatchStream) {
        loop {
            while let Some(batch) = stream.next().await {
                let applied = match batch {
                    Ok(batch) => self.apply(batch.revision, batch.events),
                    Err(error) => Err(fault::of_store(error)),
                };
                if let Err(error) = applied {
                    tracing::warn!(%error, "the watch caches have lost the store and begin anew");
                    break;
                }
            }
            self.following.store(false, Ordering::Release);
            stream = self.reload().await;
        }
    }

    async fn reload(&self) -> WatchStream {
        loop {
            match self.load().await {
                Ok(stream) => return stream,
                Err(error) => tracing::error!(%error, "the watch caches cannot be loaded"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    fn apply(&self, revision: Revision, events: Vec<Event>) -> Result<(), Status> {
        let mut by_cache: BTreeMap<&str, (&Cache, Vec<Report>)> = BTreeMap::new();
        for event in events {
            let Some(cache) = self.cache_of(event.key()) else {
                continue;
            };
            let entry = by_cache.entry(cache.prefix());
            let (_, reports) = entry.or_insert_with(|| (cache, Vec::new()));
            reports.extend(report(cache.prefix().len(), event));
        }
        let mut touched: Vec<Arc<Group>> = Vec::new();
        for (cache, reports) in by_cache.into_values() {
            touched.extend(cache.apply(reports)?);
        }
        self.publish(revision.get());
        for group in touched {
            group.wake.notify_waiters();
        }
        Ok(())
    }

    /// No prefix is the beginning of another, so the greatest that is not after the key is the only candidate.
    fn cache_of(&self, key: &[u8]) -> Option<&Cache> {
        let key = std::str::from_utf8(key).ok()?;
        let before = (Bound::Unbounded, Bound::Included(key));
        let (prefix, cache) = self.by_prefix.range::<str, _>(before).next_back()?;
        key.starts_with(prefix).then_some(cache)
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

/// Reads a storage prefix as it was at `revision`.
async fn read(store: &dyn StateStore, cache: &Cache, revision: Revision) -> Result<Snapshot, Status> {
    let request = RangeRequest::new(KeyRange::prefix(cache.prefix())).at(revision);
    let range = store.range(request).await.map_err(|error| match error {
        StoreError::Compacted { .. } => Status::expired(error.to_string()),
        error => fault::of_store(error),
    })?;
    let prefix_bytes = cache.prefix().len();
    let reports = range
        .key_values
        .into_iter()
        .filter_map(|kv| put(prefix_bytes, kv));
    cache.snapshot_of(reports, revision.get())
}

fn put(prefix_bytes: usize, kv: KeyValue) -> Option<Report> {
    Some(Report {
        key: below(prefix_bytes, &kv.key)?,
        revision: ResourceVersion::new(kv.mod_revision.get())?,
        value: Some(kv.value),
    })
}

fn report(prefix_bytes: usize, event: Event) -> Option<Report> {
    match event {
        Event::Put { current, .. } => put(prefix_bytes, current),
        Event::Delete { key, revision, .. } => Some(Report {
            key: below(prefix_bytes, &key)?,
            revision: ResourceVersion::new(revision.get())?,
            value: None,
        }),
    }
}

fn below(prefix_bytes: usize, key: &[u8]) -> Option<String> {
    let key = std::str::from_utf8(key.get(prefix_bytes..)?).ok()?;
    Some(key.to_owned())
}
