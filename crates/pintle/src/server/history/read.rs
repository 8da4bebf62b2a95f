//! All revisions of one key, read through the port: what it was at the oldest revision held, and every change since.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use store::{Event, Key, KeyRange, Revision, StateStore, StoreError, WatchRequest};

/// At most so many bytes of values are answered; the oldest are left off.
const MAX_BYTES: usize = 32 << 20;

/// At most so many revisions.
const MAX_REVISIONS: usize = 2000;

/// A store that says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// History may be forgotten while it is read; then it is read again, so many times.
const TRIES: usize = 5;

/// What a key became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) revision: Revision,
    /// None if it was deleted.
    pub(super) value: Option<Bytes>,
}

/// What a key was.
#[derive(Debug)]
pub(super) struct Revisions {
    /// The oldest first.
    pub(super) list: VecDeque<Held>,
    /// The oldest revision that the store holds.
    pub(super) held_since: Revision,
    /// How many were left off because there were too many.
    pub(super) left_off: usize,
    bytes: usize,
}

impl Revisions {
    fn since(held_since: Revision) -> Self {
        Self {
            list: VecDeque::new(),
            held_since,
            left_off: 0,
            bytes: 0,
        }
    }

    fn push(&mut self, held: Held) {
        let size = |held: &Held| held.value.as_ref().map_or(0, Bytes::len);
        self.bytes += size(&held);
        self.list.push_back(held);
        while self.list.len() > MAX_REVISIONS || (self.bytes > MAX_BYTES && self.list.len() > 1) {
            let oldest = self.list.pop_front();
            self.bytes -= oldest.as_ref().map_or(0, size);
            self.left_off += 1;
        }
    }
}

/// Reads the history of a key.
pub(super) async fn read(store: &dyn StateStore, key: &Key) -> Result<Revisions, StoreError> {
    let mut from = store.compacted_revision();
    for _ in 1..TRIES {
        match try_read(store, key, from).await {
            // Others may compact too, and a store may learn of that only now.
            Err(StoreError::Compacted { compacted, .. }) => {
                from = compacted.max(from).max(store.compacted_revision());
            }
            result => return result,
        }
    }
    try_read(store, key, from).await
}

async fn try_read(store: &dyn StateStore, key: &Key, from: Revision) -> Result<Revisions, StoreError> {
    let until = store.latest_revision().await?;
    let mut revisions = Revisions::since(from);
    if !from.is_zero()
        && let Some(found) = store.get(key, Some(from)).await?
    {
        revisions.push(Held {
            revision: found.mod_revision,
            value: Some(found.value),
        });
    }
    if until <= from {
        return Ok(revisions);
    }
    let mut watch = store
        .watch(WatchRequest::new(KeyRange::single(key.clone())).after(from))
        .await?;
    watch.progress_requester().request();
    loop {
        let next = tokio::time::timeout(PATIENCE, watch.next()).await;
        let next =
            next.map_err(|_| StoreError::Unavailable(String::from("it does not say how far it is")))?;
        let batch = next.ok_or(StoreError::Closed)??;
        batch
            .events
            .into_iter()
            .for_each(|event| revisions.push(held(event)));
        if batch.revision >= until {
            return Ok(revisions);
        }
        watch.progress_requester().request();
    }
}

fn held(event: Event) -> Held {
    match event {
        Event::Put { current, .. } => Held {
            revision: current.mod_revision,
            value: Some(current.value),
        },
        Event::Delete { revision, .. } => Held {
            revision,
            value: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use store::{MemoryStore, Transaction};

    use super::*;

    async fn history(store: &MemoryStore, key: &str) -> Vec<(u64, Option<String>)> {
        let revisions = read(store, &key.into()).await.expect("readable");
        let text = |value: Bytes| String::from_utf8_lossy(&value).into_owned();
        let list = revisions.list.into_iter();
        list.map(|held| (held.revision.get(), held.value.map(text)))
            .collect()
    }

    #[tokio::test]
    async fn what_is_held_is_read_and_nothing_of_others() {
        let store = MemoryStore::new();
        assert!(history(&store, "a").await.is_empty());
        for (key, value) in [("a", "1"), ("ab", "2"), ("a", "3"), ("b", "4")] {
            store
                .commit(Transaction::new().put(key.into(), value.into()))
                .await
                .expect("put");
        }
        store
            .commit(Transaction::new().delete("a".into()))
            .await
            .expect("deleted");
        store
            .commit(Transaction::new().put("a".into(), "6".into()))
            .await
            .expect("put");
        let some = |text: &str| Some(text.to_owned());
        let whole = [(1, some("1")), (3, some("3")), (5, None), (6, some("6"))];
        assert_eq!(history(&store, "a").await, whole);
        store.compact(Revision::new(4)).await.expect("compacted");
        assert_eq!(history(&store, "a").await, whole[1..]);
        assert_eq!(history(&store, "b").await, [(4, some("4"))]);
        store.compact(Revision::new(6)).await.expect("compacted");
        assert_eq!(history(&store, "a").await, whole[3..]);
    }

    #[test]
    fn the_oldest_are_left_off() {
        let mut revisions = Revisions::since(Revision::ZERO);
        for revision in 1..=40 {
            revisions.push(Held {
                revision: Revision::new(revision),
                value: Some(vec![0; 1 << 20].into()),
            });
        }
        assert_eq!((revisions.list.len(), revisions.left_off), (32, 8));
        assert_eq!(revisions.list[0].revision, Revision::new(9));
    }
}
