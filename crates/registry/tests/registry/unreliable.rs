//! A store behind a bad line: watches of it break, what it knows of its own revision is old, and others are quicker.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use store::memory::MemoryStore;
use store::{
    Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StateStore, StoreError, Transaction,
    WatchRequest, WatchStream,
};
use tokio::sync::watch;

pub struct Unreliable {
    pub store: MemoryStore,
    /// How often the line has broken, and whether it is broken now.
    line: watch::Sender<(u64, bool)>,
    /// Before so many creations someone else takes the name.
    pub overtaken: AtomicUsize,
}

impl Unreliable {
    pub fn new(store: MemoryStore) -> Self {
        Self {
            store,
            line: watch::Sender::new((0, false)),
            overtaken: AtomicUsize::new(0),
        }
    }

    /// Ends all watches, and takes no new ones.
    pub fn cut(&self) {
        self.line
            .send_modify(|(breaks, is_cut)| (*breaks, *is_cut) = (*breaks + 1, true));
    }

    pub fn mend(&self) {
        self.line.send_modify(|(_, is_cut)| *is_cut = false);
    }
}

fn broken() -> StoreError {
    StoreError::Unavailable(String::from("connection reset by peer"))
}

#[async_trait]
impl StateStore for Unreliable {
    /// What it was when it was last asked for something, which is long ago.
    fn current_revision(&self) -> Revision {
        Revision::ZERO
    }

    async fn latest_revision(&self) -> Result<Revision, StoreError> {
        Ok(self.store.current_revision())
    }

    fn compacted_revision(&self) -> Revision {
        self.store.compacted_revision()
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.store.range(request).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        let is_creation = transaction
            .preconditions
            .iter()
            .any(|precondition| precondition.mod_revision == Revision::ZERO);
        let left = |left: usize| left.checked_sub(1);
        if is_creation
            && self
                .overtaken
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
                .is_ok()
        {
            self.store.commit(transaction.clone()).await?;
        }
        self.store.commit(transaction).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        let mut line = self.line.subscribe();
        let (breaks, is_cut) = *line.borrow_and_update();
        if is_cut {
            return Err(broken());
        }
        let stream = self.store.watch(request).await?;
        let progress = stream.progress_requester();
        let until_cut = async move {
            let _ = line.wait_for(|(now, _)| *now > breaks).await;
        };
        let failure = futures::stream::once(async { Err(broken()) });
        Ok(WatchStream::new(
            stream.take_until(Box::pin(until_cut)).chain(failure).boxed(),
            progress,
        ))
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.store.snapshot().await
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
