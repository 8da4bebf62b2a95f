//! Everything as of one revision.

use std::time::Duration;

use futures::TryStreamExt;

use super::harness::*;
use crate::{Revision, SnapshotEntry, Transaction};

async fn snapshot(store: &Store) -> (Revision, Vec<SnapshotEntry>) {
    let snapshot = store.snapshot().await.expect("a snapshot can be made");
    let entries = snapshot
        .entries
        .try_collect()
        .await
        .expect("a snapshot can be read");
    (snapshot.revision, entries)
}

fn entry_names(entries: &[SnapshotEntry]) -> Vec<String> {
    entries.iter().map(|entry| text(&entry.key_value.key)).collect()
}

/// Of the keys, not of time.
pub async fn a_snapshot_is_everything_in_order(store: Store) {
    put_all(&store, &["b", "c", "a"]).await;
    let (revision, entries) = snapshot(&store).await;
    assert_eq!(revision, store.current_revision());
    assert_eq!(entry_names(&entries), ["a", "b", "c"]);
    assert!(
        entries
            .iter()
            .all(|entry| entry.key_value.value == entry.key_value.key.as_bytes())
    );
}

/// They are history.
pub async fn a_snapshot_leaves_deleted_keys_out(store: Store) {
    put_all(&store, &["a", "b"]).await;
    delete(&store, "a").await;
    let (revision, entries) = snapshot(&store).await;
    assert_eq!(revision, store.current_revision());
    assert_eq!(entry_names(&entries), ["b"]);
}

/// As a read does.
pub async fn a_snapshot_knows_revisions_and_versions(store: Store) {
    put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    put(&store, "b", "1").await;
    let (_, entries) = snapshot(&store).await;
    let expected = [get(&store, "a").await, get(&store, "b").await];
    assert_eq!(
        entries
            .into_iter()
            .map(|entry| Some(entry.key_value))
            .collect::<Vec<_>>(),
        expected
    );
}

/// What is left of them.
pub async fn a_snapshot_knows_times_to_live(store: Store) {
    let hour = Duration::from_secs(3600);
    let transaction = Transaction::new()
        .put_for("event".into(), bytes("1"), hour)
        .put("pod".into(), bytes("1"));
    commit(&store, transaction).await;
    let (_, entries) = snapshot(&store).await;
    let left = entries[0].time_to_live.expect("the event expires");
    assert!(left <= hour + hour / 20 && left > hour / 2, "{left:?} left");
    assert_eq!(entries[1].time_to_live, None);
}

/// Nor do deletions.
pub async fn writes_do_not_change_a_snapshot(store: Store) {
    for number in 0..2000 {
        if number % 100 == 0 {
            let transaction = (0..100).fold(Transaction::new(), |transaction, offset| {
                transaction.put(numbered("k", number + offset), bytes("old"))
            });
            commit(&store, transaction).await;
        }
    }
    let taken = store.snapshot().await.expect("a snapshot can be made");
    for number in 0..50 {
        commit(
            &store,
            Transaction::new().put(numbered("k", number * 40), bytes("new")),
        )
        .await;
        commit(&store, Transaction::new().delete(numbered("k", number * 40 + 1))).await;
        commit(
            &store,
            Transaction::new().put(numbered("l", number), bytes("new")),
        )
        .await;
    }
    let entries: Vec<_> = taken.entries.try_collect().await.expect("a snapshot can be read");
    assert_eq!(entries.len(), 2000);
    assert!(entries.iter().all(|entry| entry.key_value.value == "old"));
}

/// Though its revision cannot be read any more.
pub async fn compaction_does_not_change_a_snapshot(store: Store) {
    for number in 0..100 {
        commit(
            &store,
            Transaction::new().put(numbered("k", number), bytes("old")),
        )
        .await;
    }
    let taken = store.snapshot().await.expect("a snapshot can be made");
    for number in 0..100 {
        let change = match number % 2 {
            0 => Transaction::new().put(numbered("k", number), bytes("new")),
            _ => Transaction::new().delete(numbered("k", number)),
        };
        commit(&store, change).await;
    }
    store
        .compact(store.current_revision())
        .await
        .expect("it can be compacted");
    let entries: Vec<_> = taken.entries.try_collect().await.expect("a snapshot can be read");
    assert_eq!(entries.len(), 100);
    assert!(entries.iter().all(|entry| entry.key_value.value == "old"));
}

/// It is not an error.
pub async fn a_fresh_store_has_an_empty_snapshot(store: Store) {
    let (revision, entries) = snapshot(&store).await;
    assert_eq!((revision, entries), (store.current_revision(), vec![]));
}
