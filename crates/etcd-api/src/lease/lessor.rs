//! Granting, keeping alive and ending leases.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use store::{Key, Outcome, RangeRequest, Revision, StateStore, StoreError, Transaction};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use super::table::Table;
use crate::keyspace;
use crate::reading::lease_of;
use crate::refusal::Refusal;

/// etcd's shortest lease under its usual settings, in seconds.
const SHORTEST: i64 = 2;
/// etcd's longest lease, in seconds.
const LONGEST: i64 = 9_000_000_000;
/// So many bytes of keys are deleted in one commit at most when a lease ends: far below what a commit takes.
const KEY_BYTES_AT_ONCE: usize = 256 << 10;
/// When the store does not take the end of a lease, it is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Keeps the leases of a store, and deletes the keys of those that end. There must be one for a store.
#[derive(Debug)]
pub struct Lessor {
    store: Store,
    table: Mutex<Table>,
    /// Whether there is or was any lease: without, nobody needs to look for them.
    used: AtomicBool,
    /// Woken when another lease may be the next to end, and when this goes.
    changed: Arc<Notify>,
    /// Held for reading while something is written, for writing by what must not be disturbed: the end of a lease, and
    /// transactions that depend on which keys there are.
    writes: RwLock<()>,
}

/// A store that has nothing to say of itself.
struct Store(Arc<dyn StateStore>);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// The time of a lease, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) granted: i64,
    pub(crate) left: i64,
}

impl Drop for Lessor {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl Lessor {
    /// Reads what leases the store holds, and ends them when their time is over.
    pub async fn start(store: Arc<dyn StateStore>) -> Result<Arc<Self>, StoreError> {
        let mut table = Table::default();
        let now = Instant::now();
        let leases = store.range(RangeRequest::new(keyspace::leases())).await?;
        for lease in leases.key_values {
            if let (Some(id), Some(seconds)) = (keyspace::lease_id(&lease.key), lease_of(&lease.value)) {
                table.insert(id, seconds, lease.mod_revision, now);
            }
        }
        let all = keyspace::attachments(&store::KeyRange::all());
        let attachments = store.range(RangeRequest::new(all)).await?;
        let used = !table.is_empty() || !attachments.key_values.is_empty();
        for attachment in attachments.key_values {
            if let (Some(key), Some(id)) = (keyspace::attached(&attachment.key), lease_of(&attachment.value))
            {
                table.attach(Key::from(key), id);
            }
        }
        let changed = Arc::new(Notify::new());
        let lessor = Arc::new(Self {
            store: Store(store),
            table: Mutex::new(table),
            used: AtomicBool::new(used),
            changed: changed.clone(),
            writes: RwLock::new(()),
        });
        tokio::spawn(end_leases(Arc::downgrade(&lessor), changed));
        Ok(lessor)
    }

    /// Whether there is or was any lease.
    pub(crate) fn are_used(&self) -> bool {
        self.used.load(Ordering::Acquire)
    }

    /// For a write that depends on single keys.
    pub(crate) async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.writes.read().await
    }

    /// For a write that depends on which keys there are, or that takes several commits.
    pub(crate) async fn exclusive(&self) -> RwLockWriteGuard<'_, ()> {
        self.writes.write().await
    }

    /// Grants a lease; with the ID 0 one is chosen. Gives ID and seconds.
    pub(crate) async fn grant(&self, id: i64, seconds: i64) -> Result<(i64, i64), Refusal> {
        if seconds > LONGEST {
            return Err(Refusal::LeaseTooLong);
        }
        let seconds = seconds.max(SHORTEST);
        loop {
            let wanted = if id == 0 { random_id() } else { id };
            self.used.store(true, Ordering::Release);
            let value = Bytes::copy_from_slice(&seconds.to_be_bytes());
            let grant = Transaction::create(keyspace::lease(wanted), value);
            match self.store.0.commit(grant).await? {
                Outcome::Committed { revision } => {
                    self.table
                        .lock()
                        .insert(wanted, seconds, revision, Instant::now());
                    self.changed.notify_one();
                    return Ok((wanted, seconds));
                }
                Outcome::Conflict { .. } if id == 0 => {}
                Outcome::Conflict { .. } => return Err(Refusal::LeaseExists),
            }
        }
    }

    /// Begins a lease's time anew. Gives its length in seconds, if there is such a lease.
    pub(crate) fn keep_alive(&self, id: i64) -> Option<i64> {
        // Whoever waits for the end of the lease finds out by itself that it is later.
        self.table.lock().renew(id, Instant::now())
    }

    /// The time of a lease.
    pub(crate) fn remaining(&self, id: i64) -> Option<Remaining> {
        let (granted, left) = self.table.lock().times(id, Instant::now())?;
        Some(Remaining { granted, left })
    }

    /// The revision that wrote a lease down: it is in the store as long as that is the revision of its key.
    pub(crate) fn written(&self, id: i64) -> Option<Revision> {
        self.table.lock().written(id)
    }

    /// All leases, the one that ends first in front.
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.table.lock().ids()
    }

    /// Notes what a commit has done: keys that were put with a lease, or without one, or deleted.
    pub(crate) fn note(&self, changes: impl IntoIterator<Item = (Key, Option<i64>)>) {
        if !self.are_used() {
            return;
        }
        let mut table = self.table.lock();
        for (key, lease) in changes {
            match lease {
                Some(id) => table.attach(key, id),
                None => table.detach(&key),
            }
        }
    }

    /// The keys that are attached to a lease now.
    pub(crate) async fn keys(&self, id: i64) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        let all = self.table.lock().keys(id);
        for key in all {
            if self.attached_by(&key).await?.is_some() {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// Ends a lease: its keys are deleted, in one revision unless they are very many.
    pub(crate) async fn revoke(&self, id: i64) -> Result<(), Refusal> {
        let _undisturbed = self.exclusive().await;
        loop {
            let written = self.written(id).ok_or(Refusal::LeaseNotFound)?;
            let (mut transaction, keys, is_all) = self.end_of(id).await?;
            if is_all {
                transaction = transaction
                    .require(keyspace::lease(id), written)
                    .delete(keyspace::lease(id));
            }
            // The store may have other writers: then what was read is read again.
            let committed = self.store.0.commit(transaction).await?.committed().is_some();
            if committed && is_all {
                self.table.lock().remove(id);
                return Ok(());
            }
            if committed {
                self.note(keys.into_iter().map(|key| (key, None)));
            }
        }
    }

    /// Deletes what is attached to a lease, or the first part of it; which keys that are, and whether it is all.
    async fn end_of(&self, id: i64) -> Result<(Transaction, Vec<Key>, bool), StoreError> {
        let all = self.table.lock().keys(id);
        let (mut transaction, mut bytes, mut keys) = (Transaction::new(), 0, Vec::new());
        let count = all.len();
        for key in all {
            if bytes > KEY_BYTES_AT_ONCE {
                break;
            }
            bytes += 2 * key.len();
            transaction = transaction.delete(keyspace::attachment(&key));
            if let Some(made_by) = self.attached_by(&key).await? {
                transaction = transaction.require(key.clone(), made_by).delete(key.clone());
            }
            keys.push(key);
        }
        let is_all = keys.len() == count;
        Ok((transaction, keys, is_all))
    }

    /// The revision that attached a key, unless the key was changed since.
    async fn attached_by(&self, key: &Key) -> Result<Option<Revision>, StoreError> {
        let Some(current) = self.store.0.get(key, None).await? else {
            return Ok(None);
        };
        let attachment = self.store.0.get(&keyspace::attachment(key), None).await?;
        let made_by = attachment.map(|attachment| attachment.mod_revision);
        Ok(made_by.filter(|made_by| *made_by == current.mod_revision))
    }
}

/// A lease's ID is positive; nobody asks what it is.
fn random_id() -> i64 {
    let (number, _) = uuid::Uuid::new_v4().as_u64_pair();
    i64::try_from(number >> 1).unwrap_or(i64::MAX).max(1)
}

/// Ends leases when their time is over, until the lessor goes.
async fn end_leases(lessor: Weak<Lessor>, changed: Arc<Notify>) {
    loop {
        let Some(lessor) = lessor.upgrade() else { return };
        let ended = lessor.table.lock().ended(Instant::now());
        let mut next = lessor.table.lock().next_end();
        if let Some(id) = ended {
            match lessor.revoke(id).await {
                Ok(()) | Err(Refusal::LeaseNotFound) => continue,
                Err(Refusal::Store(StoreError::Closed)) => return,
                Err(error) => tracing::warn!(%error, lease = id, "the end of a lease has to wait"),
            }
            next = Some(Instant::now() + RETRY_AFTER);
        }
        // The task must not keep the lessor alive while it sleeps. One that is dropped wakes it.
        drop(lessor);
        match next {
            Some(next) => tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = changed.notified() => {}
            },
            None => changed.notified().await,
        }
    }
}
