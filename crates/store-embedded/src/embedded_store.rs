//! The store: the engine with its threads, behind the port.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use store::{
    KeyRange, KeyValue, Outcome, RangeRequest, RangeResponse, Revision, Snapshot, SnapshotEntry, StateStore,
    StoreError, Transaction, WatchRequest, WatchStream,
};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::disk::{Directory, Disk};
use crate::engine::{Alone, Engine, Judged, Prepared, Statistics, measure};
use crate::keeper::{Bell, Keeper};
use crate::located::{Located, read_all};
use crate::options::Options;
use crate::pins::Pin;
use crate::queue::{Batch, Ends, Queue, Request};
use crate::watching;
use crate::writer::Writer;

/// A [`StateStore`] in a directory. Dropping it closes it, after everything that was begun.
#[derive(Debug)]
pub struct EmbeddedStore {
    engine: Arc<Engine>,
    queue: Arc<Queue>,
    bell: Arc<Bell>,
    clock: Clock,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl EmbeddedStore {
    /// Opens the store of a directory, or makes one if the directory is missing or empty. Reads what it needs
    /// before it returns, so call it where blocking is allowed.
    ///
    /// Fails with [`StoreError::Locked`] if another process has the directory open, [`StoreError::Corrupt`]
    /// if the files are damaged, [`StoreError::UnknownFormat`] if another version wrote them, or as the disk
    /// fails. It changes nothing then.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        Self::open_disk(Arc::new(Directory::open(path)?), options)
    }

    /// Opens the store of a disk of any kind, otherwise like [`open`](Self::open).
    pub fn open_disk(disk: Arc<dyn Disk>, options: Options) -> Result<Self, StoreError> {
        let (engine, housekeeping) = Engine::open(disk, options)?;
        let engine = Arc::new(engine);
        let clock = Clock::start();
        let (queue, bell) = (Arc::new(Queue::default()), Arc::new(Bell::default()));
        let writer = Writer {
            engine: engine.clone(),
            queue: queue.clone(),
            keeper: bell.clone(),
            clock,
        };
        let keeper = Keeper {
            engine: engine.clone(),
            housekeeping,
            bell: bell.clone(),
            clock,
        };
        let store = Self {
            engine,
            queue,
            bell,
            clock,
            threads: Mutex::default(),
        };
        store.start("store-writer", || writer.run())?;
        store.start("store-keeper", || keeper.run())?;
        Ok(store)
    }

    /// Commits what was begun and closes the store. Reads and watches that are under way may go on; commits
    /// fail.
    pub fn close(&self) {
        self.queue.close();
        self.bell.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return;
        }
        for thread in threads {
            // A panic has been told by the thread itself.
            let _ = thread.join();
        }
        if let Err(error) = self.engine.close() {
            tracing::warn!(%error, "the end of the state store's log could not be written down");
        }
    }

    /// The store in numbers.
    pub fn statistics(&self) -> Statistics {
        self.engine.statistics()
    }

    fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread =
            thread.map_err(|error| StoreError::Unavailable(format!("no thread for {name}: {error}")))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Makes a transaction ready to be written; gives its size too.
    fn prepare(&self, transaction: Transaction) -> Result<(Prepared, usize), StoreError> {
        let size = measure(&transaction, self.engine.options.max_transaction_bytes)?;
        // Here, where there may be many at once, and not where there is one writer for all.
        Ok((self.engine.prepare(transaction), size))
    }

    /// Commits on this thread what need not wait for the writer.
    fn commit_here(&self, prepared: Prepared) -> Alone {
        if !self.engine.options.commits_on_caller || !self.queue.is_idle() {
            return Alone::NotNow(prepared);
        }
        let _no_more_if_this_panics = ClosedByPanic(&self.queue);
        let occasions = self.engine.occasions();
        let alone = self.engine.commit_alone(prepared, self.clock.now_ms());
        self.bell.written(&self.engine, occasions);
        alone
    }

    /// Has the writer do something and waits for it.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .push(request(answer), self.engine.options.max_queue_bytes)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Nothing is written any more after a panic left a commit half done, as if it had been the writer's.
struct ClosedByPanic<'a>(&'a Queue);

impl Drop for ClosedByPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl StateStore for EmbeddedStore {
    fn current_revision(&self) -> Revision {
        self.engine.window().current
    }

    fn compacted_revision(&self) -> Revision {
        self.engine.window().compacted
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        if let Some(response) = self.engine.range_at_once(&request)? {
            return Ok(response);
        }
        let engine = self.engine.clone();
        blocking(move || engine.range(&request)).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        let (prepared, size) = self.prepare(transaction)?;
        let prepared = match self.commit_here(prepared) {
            Alone::Ended(end) => return outcome(end?).await,
            Alone::NotNow(prepared) => prepared,
        };
        let batch = Batch::from_iter([prepared]);
        let ends = self.ask(|answer| Request::Commit { batch, size, answer });
        let end = ends.await?.pop().ok_or(StoreError::Closed)?;
        outcome(end?).await
    }

    async fn commit_each(&self, mut transactions: Vec<Transaction>) -> Vec<Result<Outcome, StoreError>> {
        if transactions.len() == 1
            && let Some(transaction) = transactions.pop()
        {
            return vec![self.commit(transaction).await];
        }
        let (mut batch, mut bytes) = (Batch::with_capacity(transactions.len()), 0);
        let taken: Vec<Result<(), StoreError>> = transactions
            .into_iter()
            .map(|transaction| {
                let (prepared, size) = self.prepare(transaction)?;
                batch.push(prepared);
                bytes += size;
                Ok(())
            })
            .collect();
        let ends = self.ask(|answer| Request::Commit {
            batch,
            size: bytes,
            answer,
        });
        let (mut ends, failure) = match ends.await {
            Ok(ends) => (ends.into_iter(), StoreError::Closed),
            Err(error) => (Ends::new().into_iter(), error),
        };
        let mut outcomes = Vec::with_capacity(taken.len());
        for taken in taken {
            outcomes.push(
                match taken.and_then(|()| ends.next().unwrap_or_else(|| Err(failure.clone()))) {
                    Ok(judged) => outcome(judged).await,
                    Err(error) => Err(error),
                },
            );
        }
        outcomes
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        watching::open(&self.engine, request)
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.ask(|answer| Request::Compact { revision, answer }).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let pin = self.engine.pin(None)?;
        Ok(Snapshot {
            revision: Revision::new(pin.revision),
            entries: snapshot_entries(self.engine.clone(), pin, self.clock),
        })
    }

    async fn health(&self) -> Result<(), StoreError> {
        if !self.engine.has_failed() {
            return Ok(());
        }
        self.ask(|answer| Request::Probe { answer }).await
    }
}

/// How a transaction ended, with what it is to be told of.
async fn outcome(judged: Judged) -> Result<Outcome, StoreError> {
    match judged {
        Judged::Committed(revision) => Ok(Outcome::Committed {
            revision: Revision::new(revision),
        }),
        Judged::Conflict { revision, current } => {
            let current = match read_at_once(&current)? {
                Some(current) => current,
                None => blocking(move || read_one_by_one(current)).await?,
            };
            Ok(Outcome::Conflict {
                revision: Revision::new(revision),
                current,
            })
        }
    }
}

/// Reads from the disk where that may take its time.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
}

/// Reads what takes no waiting for the disk; `None` if something does.
fn read_at_once(current: &[Option<Located>]) -> Result<Option<Vec<Option<KeyValue>>>, StoreError> {
    let mut found = Vec::with_capacity(current.len());
    for located in current {
        found.push(match located {
            None => None,
            Some(located) => match located.read_cached()? {
                None => return Ok(None),
                read => read,
            },
        });
    }
    Ok(Some(found))
}

fn read_one_by_one(current: Vec<Option<Located>>) -> Result<Vec<Option<KeyValue>>, StoreError> {
    current
        .into_iter()
        .map(|located| located.map(|located| located.read()).transpose())
        .collect()
}

fn snapshot_entries(
    engine: Arc<Engine>,
    pin: Pin,
    clock: Clock,
) -> BoxStream<'static, Result<SnapshotEntry, StoreError>> {
    let pages = stream::try_unfold((KeyRange::all(), pin), move |(mut rest, pin)| {
        let engine = engine.clone();
        blocking(move || {
            let Some(page) = engine.page(&mut rest, &pin) else {
                return Ok(None);
            };
            let entries = read_all(&page)?
                .into_iter()
                .zip(page)
                .map(move |(key_value, located)| {
                    let due_ms = located.expires_ms();
                    Ok(SnapshotEntry {
                        key_value,
                        time_to_live: due_ms.map(|due_ms| remaining(due_ms, clock)),
                    })
                });
            Ok(Some((stream::iter(entries), (rest, pin))))
        })
    });
    pages.try_flatten().boxed()
}

fn remaining(due_ms: u64, clock: Clock) -> Duration {
    // A key is due a millisecond late rather than early.
    Duration::from_millis(due_ms.saturating_sub(clock.now_ms() + 1))
}
