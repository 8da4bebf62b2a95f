//! Short words for the checks: what they do to a store, and what they wait for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;

use crate::{
    Event, Key, KeyRange, KeyValue, Outcome, RangeRequest, RangeResponse, Revision, StateStore, StoreError,
    Transaction, WatchBatch, WatchRequest, WatchStream,
};

/// The store under test.
pub type Store = Arc<dyn StateStore>;

/// How long a check waits for a state before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Commits, and expects that to succeed.
pub async fn commit(store: &Store, transaction: Transaction) -> Revision {
    match store.commit(transaction).await {
        Ok(Outcome::Committed { revision }) => revision,
        other => panic!("expected a commit, got {other:?}"),
    }
}

/// Commits, and expects a conflict; gives its revision and what the store held.
pub async fn conflict(store: &Store, transaction: Transaction) -> (Revision, Vec<Option<KeyValue>>) {
    match store.commit(transaction).await {
        Ok(Outcome::Conflict { revision, current }) => (revision, current),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Puts a value whatever was there.
pub async fn put(store: &Store, key: &str, value: &str) -> Revision {
    commit(store, Transaction::new().put(key.into(), bytes(value))).await
}

/// Puts `keys`, one commit each, with their names as values.
pub async fn put_all(store: &Store, keys: &[&str]) {
    for key in keys {
        put(store, key, key).await;
    }
}

/// Deletes a key whatever it was.
pub async fn delete(store: &Store, key: &str) -> Revision {
    commit(store, Transaction::new().delete(key.into())).await
}

/// The key now.
pub async fn get(store: &Store, key: &str) -> Option<KeyValue> {
    store
        .get(&key.into(), None)
        .await
        .expect("the current revision can be read")
}

/// The value of the key at a revision.
pub async fn value_at(store: &Store, key: &str, at: Revision) -> Option<String> {
    let found = store
        .get(&key.into(), Some(at))
        .await
        .expect("the revision can be read");
    found.map(|key_value| text(&key_value.value))
}

/// The value of the key now.
pub async fn value(store: &Store, key: &str) -> Option<String> {
    get(store, key).await.map(|key_value| text(&key_value.value))
}

/// Reads a range, and expects that to succeed.
pub async fn range(store: &Store, request: RangeRequest) -> RangeResponse {
    store.range(request).await.expect("the range can be read")
}

/// The names of the keys in a range now.
pub async fn names(store: &Store, keys: KeyRange) -> Vec<String> {
    key_names(&range(store, RangeRequest::new(keys)).await.key_values)
}

/// The names of these keys.
pub fn key_names(key_values: &[KeyValue]) -> Vec<String> {
    key_values.iter().map(|key_value| text(&key_value.key)).collect()
}

/// Bytes of a text.
pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Text of bytes.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A watch of a prefix from now on.
pub async fn watch(store: &Store, prefix: &str) -> WatchStream {
    open_watch(store, WatchRequest::new(KeyRange::prefix(prefix))).await
}

/// A watch, which is expected to be granted.
pub async fn open_watch(store: &Store, request: WatchRequest) -> WatchStream {
    store.watch(request).await.expect("the watch can be made")
}

/// The next thing a watch says.
pub async fn next(stream: &mut WatchStream) -> Option<Result<WatchBatch, StoreError>> {
    tokio::time::timeout(PATIENCE, stream.next())
        .await
        .expect("the watch says something")
}

/// The next batch of a watch.
pub async fn next_batch(stream: &mut WatchStream) -> WatchBatch {
    next(stream)
        .await
        .expect("the watch goes on")
        .expect("the watch does not fail")
}

/// Exactly so many events of a watch, over as many batches as they take. Checks on the way that batches
/// promise no more than they deliver and that revisions only grow.
pub async fn next_events(stream: &mut WatchStream, count: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    while events.len() < count {
        let batch = next_batch(stream).await;
        check_batch(events.last().map(Event::revision), &batch);
        events.extend(batch.events);
    }
    assert_eq!(events.len(), count, "more events than expected: {events:?}");
    events
}

fn check_batch(last: Option<Revision>, batch: &WatchBatch) {
    let mut last = last.unwrap_or_default();
    for (index, event) in batch.events.iter().enumerate() {
        let revision = event.revision();
        let fits = if index == 0 {
            revision > last
        } else {
            revision >= last
        };
        assert!(fits, "revision {revision} after {last}");
        assert!(
            revision <= batch.revision,
            "a batch up to {} holds {revision}",
            batch.revision
        );
        last = revision;
    }
}

/// The one event a watch delivers next.
pub async fn next_event(stream: &mut WatchStream) -> Event {
    next_events(stream, 1).await.remove(0)
}

/// Asks for a progress mark and expects that nothing but it comes; gives its revision.
pub async fn expect_silence(stream: &mut WatchStream) -> Revision {
    stream.progress_requester().request();
    let batch = next_batch(stream).await;
    assert_eq!(batch.events, [], "expected a mere progress mark");
    batch.revision
}

/// Waits until a key is gone.
pub async fn wait_until_gone(store: &Store, key: &str) {
    let request = WatchRequest::new(KeyRange::single(key.into()));
    let mut stream = open_watch(store, request).await;
    while get(store, key).await.is_some() {
        next_batch(&mut stream).await;
    }
}

/// What an event did, in short: `"+key=value@7"` for a create, `"*key=value@7"` for another put, `"-key@7"`
/// for a deletion.
pub fn describe(event: &Event) -> String {
    let revision = event.revision();
    let key = text(event.key());
    match event {
        Event::Put { current, .. } => {
            let sign = if event.is_create() { '+' } else { '*' };
            format!("{sign}{key}={}@{revision}", text(&current.value))
        }
        Event::Delete { .. } => format!("-{key}@{revision}"),
    }
}

/// [`describe`] for each event.
pub fn describe_all(events: &[Event]) -> Vec<String> {
    events.iter().map(describe).collect()
}

/// Expects [`StoreError::Compacted`].
pub fn expect_compacted<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Compacted { .. })),
        "expected Compacted, got {result:?}"
    );
}

/// Expects [`StoreError::FutureRevision`].
pub fn expect_future<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::FutureRevision { .. })),
        "expected FutureRevision, got {result:?}"
    );
}

/// Expects [`StoreError::Invalid`].
pub fn expect_invalid<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Invalid(_))),
        "expected Invalid, got {result:?}"
    );
}

/// A key of a numbered family whose order is that of the numbers.
pub fn numbered(prefix: &str, number: usize) -> Key {
    format!("{prefix}{number:06}").into()
}
