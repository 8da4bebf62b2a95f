//! Which changes take a revision.

use super::harness::*;
use crate::{KeyRange, Revision, Transaction};

/// Nothing is in it, and it says so.
pub async fn a_fresh_store_is_empty(store: Store) {
    assert_eq!(names(&store, KeyRange::all()).await, [""; 0]);
    assert!(store.compacted_revision() <= store.current_revision());
    store.health().await.expect("a fresh store takes writes");
}

/// Revisions grow by one.
pub async fn every_change_takes_the_next_revision(store: Store) {
    let start = store.current_revision();
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let third = delete(&store, "a").await;
    assert_eq!(
        [first, second, third],
        [1, 2, 3].map(|n| Revision::new(start.get() + n))
    );
}

/// There is one counter for the whole store.
pub async fn all_keys_share_one_counter(store: Store) {
    let a = put(&store, "a", "1").await;
    let b = put(&store, "b", "1").await;
    assert_eq!(b, a.next());
}

/// Whatever is in it.
pub async fn a_transaction_takes_one_revision(store: Store) {
    let before = put(&store, "gone", "1").await;
    let transaction = Transaction::new()
        .put("a".into(), bytes("1"))
        .put("b".into(), bytes("2"))
        .delete("gone".into());
    let revision = commit(&store, transaction).await;
    assert_eq!(revision, before.next());
    for key in ["a", "b"] {
        assert_eq!(get(&store, key).await.expect("it was put").mod_revision, revision);
    }
    assert_eq!(store.current_revision(), revision);
}

/// It answers with the current one.
pub async fn a_transaction_without_operations_takes_none(store: Store) {
    let before = put(&store, "a", "1").await;
    assert_eq!(commit(&store, Transaction::new()).await, before);
    assert_eq!(store.current_revision(), before);
}

/// Nothing changed.
pub async fn deleting_an_absent_key_takes_none(store: Store) {
    let before = put(&store, "a", "1").await;
    assert_eq!(delete(&store, "b").await, before);
    assert_eq!(put(&store, "a", "2").await, before.next());
}

/// Nothing changed.
pub async fn a_conflict_takes_none(store: Store) {
    let before = put(&store, "a", "1").await;
    let (seen_at, _) = conflict(&store, Transaction::create("a".into(), bytes("2"))).await;
    assert_eq!(seen_at, before);
    assert_eq!(store.current_revision(), before);
    assert_eq!(put(&store, "a", "2").await, before.next());
}

/// A store does not compare values.
pub async fn an_equal_value_takes_one(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "1").await;
    assert_eq!(second, first.next());
    assert_eq!(get(&store, "a").await.expect("it was put").version, 2);
}

/// The counter that is read without waiting has it too.
pub async fn an_answered_commit_is_current(store: Store) {
    for number in 0..20 {
        let revision = commit(&store, Transaction::new().put(numbered("k", number), bytes("v"))).await;
        assert!(store.current_revision() >= revision);
    }
}

/// And becomes the current one.
pub async fn the_latest_revision_is_that_of_the_last_commit(store: Store) {
    let latest = async || store.latest_revision().await.expect("the store answers");
    let fresh = latest().await;
    assert_eq!(fresh, store.current_revision());
    let revision = put(&store, "a", "1").await;
    assert_eq!(revision, fresh.next());
    assert_eq!(latest().await, revision);
    conflict(&store, Transaction::create("a".into(), bytes("2"))).await;
    assert_eq!(latest().await, revision);
    let revision = delete(&store, "a").await;
    assert_eq!([latest().await, store.current_revision()], [revision; 2]);
}
