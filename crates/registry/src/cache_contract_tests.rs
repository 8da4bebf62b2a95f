//! The contract of the state store, kept by the watch cache over one: reads come from the cache, at present and at older
//! revisions, watches from its ring of changes; commits go to the store below.
//!
//! Left out is what is no promise of a cache: transactions and snapshots are the store's own business, and compaction too, since
//! a cache may remember for longer than the store. What a test stores becomes an object whose name is the key and
//! whose data is the value; since a cache counts no versions, they are kept in the object as well.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use meta::{GroupVersionKind, Status};
use resource::{Descriptor, Kind, Scope, StoredForm, Strategy};
use serde_json::{Value, json};
use store::{
    Event, Key, KeyRange, KeyValue, MemoryStore, Operation, Outcome, Precondition, ProgressRequester,
    Projection, Put, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchBatch, WatchRequest, WatchStream,
};
use tokio::sync::{Mutex, Notify};

use crate::cache::{Cache, Change, Cursor, Interest, Lagged, Start, TooOld};
use crate::caches::Caches;
use crate::object::Object;
use crate::storage_encoding::StorageEncoding;

store::reading_checks! { fresh }

const PREFIX: &str = "/registry/things/";

/// ConfigMaps by another name, without namespaces.
struct Things(Descriptor);

impl Kind for Things {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }
}

impl Strategy for Things {}

fn things() -> Arc<dyn Kind> {
    const KIND: GroupVersionKind = GroupVersionKind::new("", "v1", "ConfigMap");
    Arc::new(Things(Descriptor {
        kind: KIND,
        list_kind: String::from("ThingList"),
        plural: String::from("things"),
        singular: String::new(),
        scope: Scope::Cluster,
        verbs: Vec::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
        subresources: Vec::new(),
        storage_prefix: String::from(PREFIX),
        stored_form: StoredForm {
            api_version: KIND.api_version(),
            protobuf: false,
        },
        storage_version_hash: String::new(),
        schema: schema::builtin(&KIND).expect("a built-in kind"),
    }))
}

async fn fresh() -> Arc<dyn StateStore> {
    let below = Arc::new(MemoryStore::new());
    let caches = Caches::start(below.clone(), &[things()], StorageEncoding::Json).await;
    let caches = caches.expect("the store answers");
    Arc::new(CacheStore {
        cache: Arc::clone(caches.get(PREFIX).expect("it was asked for")),
        caches: Arc::new(caches),
        below,
        writing: Mutex::default(),
    })
}

/// A store whose reads and watches are a cache's.
struct CacheStore {
    caches: Arc<Caches>,
    cache: Arc<Cache>,
    below: Arc<MemoryStore>,
    /// Versions are counted here, so one writes after the other.
    writing: Mutex<()>,
}

fn name(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(name: &str) -> Vec<u8> {
    let pairs = (0..name.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&name[at..at + 2], 16).expect("names are hexadecimal"))
        .collect()
}

fn below(key: &[u8]) -> Key {
    [PREFIX, &name(key)].concat().into()
}

/// The object of a value. One that begins a key says nothing of when it was created: with itself.
fn encode(put: &Put, replaced: Option<&KeyValue>) -> Bytes {
    let (created, version) = replaced.map_or((String::new(), 1), |replaced| {
        (replaced.create_revision.to_string(), replaced.version + 1)
    });
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name(&put.key)},
        "data": {"value": name(&put.value), "created": created, "version": version.to_string()},
    });
    object.to_string().into()
}

fn decode(object: &Value, revision: Revision) -> KeyValue {
    let data = |name: &str| object["data"][name].as_str().expect("it was put there");
    KeyValue {
        key: Key::new(bytes_of(meta::object::name(object))),
        value: bytes_of(data("value")).into(),
        create_revision: data("created").parse().map_or(revision, Revision::new),
        mod_revision: revision,
        version: data("version").parse().expect("it is a number"),
    }
}

fn shown(object: &Object) -> KeyValue {
    let revision = object.resource_version().expect("it was stored");
    decode(&object.tree(), Revision::new(revision.get()))
}

fn unavailable(status: Status) -> StoreError {
    StoreError::Unavailable(status.message)
}

impl CacheStore {
    async fn translate(&self, transaction: Transaction) -> Result<Transaction, StoreError> {
        let mut translated = Transaction::new();
        for demanded in transaction.preconditions {
            translated.preconditions.push(Precondition {
                key: below(&demanded.key),
                mod_revision: demanded.mod_revision,
            });
        }
        for operation in transaction.operations {
            let key = below(operation.key());
            translated.operations.push(match operation {
                Operation::Delete(_) => Operation::Delete(key),
                Operation::Put(put) => {
                    let replaced = self.below.get(&key, None).await?;
                    Operation::Put(Put {
                        value: encode(&put, replaced.as_ref()),
                        time_to_live: put.time_to_live,
                        key,
                    })
                }
            });
        }
        Ok(translated)
    }

    async fn catch_up(&self) -> Result<u64, StoreError> {
        self.caches.catch_up().await.map_err(unavailable)
    }
}

#[async_trait]
impl StateStore for CacheStore {
    fn current_revision(&self) -> Revision {
        Revision::new(self.caches.applied())
    }

    fn compacted_revision(&self) -> Revision {
        self.below.compacted_revision()
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        let now = self.catch_up().await?;
        let snapshot = match request.at.map(Revision::get) {
            None => self.cache.snapshot(now, None),
            Some(future) if future > now => {
                return Err(StoreError::FutureRevision {
                    requested: Revision::new(future),
                    current: Revision::new(now),
                });
            }
            Some(revision) => match self.cache.snapshot_at(revision) {
                Some(snapshot) => snapshot,
                None => self
                    .caches
                    .read_at(&self.cache, revision)
                    .await
                    .map_err(unavailable)?,
            },
        };
        let all = snapshot.objects.iter().map(|object| shown(object));
        let held: Vec<_> = all.filter(|held| request.range.contains(&held.key)).collect();
        let count = held.len();
        let limit = match request.projection {
            Projection::CountOnly => 0,
            _ => request.limit.unwrap_or(count),
        };
        let mut key_values: Vec<_> = held.into_iter().take(limit).collect();
        if request.projection == Projection::KeysOnly {
            key_values.iter_mut().for_each(|held| held.value = Bytes::new());
        }
        Ok(RangeResponse {
            revision: Revision::new(snapshot.revision),
            more: request.projection != Projection::CountOnly && key_values.len() < count,
            key_values,
            count,
        })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        transaction.validate()?;
        let _turn = self.writing.lock().await;
        let outcome = self.below.commit(self.translate(transaction).await?).await?;
        Ok(match outcome {
            Outcome::Committed { revision } => {
                self.caches.reach(revision.get()).await;
                Outcome::Committed { revision }
            }
            Outcome::Conflict { revision, current } => Outcome::Conflict {
                revision,
                current: current
                    .into_iter()
                    .map(|held| {
                        let held = held?;
                        let object = serde_json::from_slice(&held.value).expect("it was put there");
                        Some(decode(&object, held.mod_revision))
                    })
                    .collect(),
            },
        })
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        let now = self.catch_up().await?;
        let start = match request.start {
            None => Start::Now,
            Some(start) => Start::After(start.get().saturating_sub(1)),
        };
        let followed = self.cache.follow(Interest::All, None, start, now);
        let followed = followed.map_err(|TooOld { oldest }| StoreError::Compacted {
            requested: request.start.unwrap_or_default(),
            compacted: Revision::new(oldest),
        })?;
        let asked = Arc::new(Asked::default());
        let follower = Follower {
            caches: Arc::clone(&self.caches),
            missed: followed.missed.into(),
            cursor: followed.cursor,
            after: followed.after,
            range: request.range,
            previous: request.previous,
            asked: Arc::clone(&asked),
        };
        let batches = futures::stream::unfold(Some(follower), |follower| async {
            let mut follower = follower?;
            match follower.next().await {
                Ok(batch) => Some((Ok(batch), Some(follower))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let requester = ProgressRequester::new(move || {
            asked.is_open.store(true, Ordering::Release);
            asked.wake.notify_one();
        });
        Ok(WatchStream::new(batches.boxed(), requester))
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.below.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Err(StoreError::Invalid("a cache takes no snapshots"))
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.below.health().await
    }
}

/// Whether somebody has asked how far a watch is.
#[derive(Default)]
struct Asked {
    is_open: AtomicBool,
    wake: Notify,
}

/// A watch over the ring of a cache.
struct Follower {
    caches: Arc<Caches>,
    missed: VecDeque<Arc<Change>>,
    cursor: Cursor,
    /// Changes up to this revision are not told.
    after: u64,
    range: KeyRange,
    previous: bool,
    asked: Arc<Asked>,
}

impl Follower {
    async fn next(&mut self) -> Result<WatchBatch, StoreError> {
        loop {
            let group = Arc::clone(self.cursor.group());
            let mut woken = pin!(group.wake.notified());
            woken.as_mut().enable();
            let is_asked = self.asked.is_open.swap(false, Ordering::AcqRel);
            let applied = match is_asked {
                true => self.caches.catch_up().await.map_err(unavailable)?,
                false => self.caches.applied(),
            };
            let batch = self.drain(applied)?;
            if is_asked || !batch.events.is_empty() {
                return Ok(batch);
            }
            tokio::select! {
                () = woken => {}
                () = self.asked.wake.notified() => {}
            }
        }
    }

    /// All that is there. The cache applies whole revisions, so that what is drained is whole too.
    fn drain(&mut self, applied: u64) -> Result<WatchBatch, StoreError> {
        let (mut revision, mut events) = (applied, Vec::new());
        loop {
            let change = match self.missed.pop_front() {
                Some(missed) => Some(missed),
                None => self.cursor.try_next().map_err(|Lagged| StoreError::WatchLagged)?,
            };
            let Some(change) = change else { break };
            if change.revision.get() <= self.after {
                continue;
            }
            revision = revision.max(change.revision.get());
            if self.range.contains(&bytes_of(change.key())) {
                events.push(self.event(&change));
            }
        }
        Ok(WatchBatch {
            revision: Revision::new(revision),
            events,
        })
    }

    fn event(&self, change: &Change) -> Event {
        let previous = change.previous.as_ref().filter(|_| self.previous);
        let previous = previous.map(|object| shown(object));
        match &change.current {
            Some(current) => Event::Put {
                current: shown(current),
                previous,
            },
            None => Event::Delete {
                key: Key::new(bytes_of(change.key())),
                revision: Revision::new(change.revision.get()),
                previous,
            },
        }
    }
}
