//! The contract of a state store.

use async_trait::async_trait;
use futures::future::join_all;

use crate::{
    Key, KeyRange, KeyValue, Outcome, RangeRequest, RangeResponse, Revision, Snapshot, StoreError,
    Transaction, WatchRequest, WatchStream,
};

/// An ordered map with one revision counter, history, and watches.
///
/// - **Atomic, durable, linearizable.** A commit that was answered is on disk and visible to every read that
///   begins afterwards. All changes of a transaction have one revision; nobody sees a part of them. Revisions
///   are taken without gaps.
/// - **History.** Every revision from [`compacted_revision`](Self::compacted_revision) on can be read.
/// - **Watches** deliver every change of their range exactly once, ordered by revision, whole revisions at a
///   time, and only what is durable. A slow watch never delays a commit, and what it costs in memory is
///   bounded.
/// - **Expiry.** A key put with a time to live is deleted by the store when the time is over, in a revision
///   that holds nothing but such deletions: never before it is due, and soon after. Keys that are due at about
///   the same time may go together, the earlier ones with the later: by at most a twentieth of the time to
///   live. Keys that came due while the store was down go right after it is opened.
#[async_trait]
pub trait StateStore: Send + Sync + 'static {
    /// The newest revision that reads and watches can see. A store that others write to as well knows of their
    /// changes only when it meets them: ask for the [latest](Self::latest_revision) where that matters.
    fn current_revision(&self) -> Revision;

    /// The newest revision, whoever made it: at least that of every commit that was answered before the call,
    /// to anybody. It becomes the [current](Self::current_revision) one here, unless that is newer.
    async fn latest_revision(&self) -> Result<Revision, StoreError> {
        Ok(self.current_revision())
    }

    /// The oldest revision that can still be read, as far as this store knows; zero if nothing was compacted
    /// yet.
    fn compacted_revision(&self) -> Revision;

    /// Reads a range at one revision.
    ///
    /// Fails with [`StoreError::Compacted`] or [`StoreError::FutureRevision`] if the revision cannot be read.
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError>;

    /// Reads one key, now or at an older revision.
    async fn get(&self, key: &Key, at: Option<Revision>) -> Result<Option<KeyValue>, StoreError> {
        let mut request = RangeRequest::new(KeyRange::single(key.clone()));
        request.at = at;
        Ok(self.range(request).await?.key_values.pop())
    }

    /// Makes the changes of a transaction if its preconditions hold, and answers when they are durable.
    ///
    /// Fails with [`StoreError::Invalid`] if a key is empty or changed twice.
    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError>;

    /// Commits transactions that came together, each as if it had come alone, and answers when all are done, in the order they
    /// are in. A store that takes them at once saves what it costs to hand each over.
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Outcome, StoreError>> {
        join_all(
            transactions
                .into_iter()
                .map(|transaction| self.commit(transaction)),
        )
        .await
    }

    /// Follows the changes of a range.
    ///
    /// Fails with [`StoreError::Compacted`] if the start lies before
    /// [`compacted_revision`](Self::compacted_revision). The stream may fail with it later, if its place in
    /// history is compacted before it was read.
    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError>;

    /// Forgets history before `revision`, which itself stays readable. Space is reclaimed afterwards, while
    /// the store goes on.
    ///
    /// Fails with [`StoreError::Compacted`] if that is forgotten already, and with
    /// [`StoreError::FutureRevision`].
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;

    /// Everything the store holds now.
    async fn snapshot(&self) -> Result<Snapshot, StoreError>;

    /// Whether the store would take a write now; if not, why.
    async fn health(&self) -> Result<(), StoreError>;
}
