//! Forgetting history.

use super::harness::*;
use crate::{KeyRange, RangeRequest, Revision, Transaction};

async fn compact(store: &Store, revision: Revision) {
    store
        .compact(revision)
        .await
        .expect("the revision can be compacted");
}

/// At once.
pub async fn the_compacted_revision_is_told(store: Store) {
    let revision = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    compact(&store, revision).await;
    assert_eq!(store.compacted_revision(), revision);
}

/// Neither keys nor ranges.
pub async fn older_revisions_cannot_be_read(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    put(&store, "a", "3").await;
    compact(&store, second).await;
    expect_compacted(store.get(&"a".into(), Some(first)).await);
    expect_compacted(store.range(RangeRequest::new(KeyRange::all()).at(first)).await);
    expect_compacted(
        store
            .range(RangeRequest::new(KeyRange::all()).at(first).count_only())
            .await,
    );
}

/// And what follows on it.
pub async fn the_compacted_revision_can_be_read(store: Store) {
    put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let third = put(&store, "a", "3").await;
    compact(&store, second).await;
    assert_eq!(value_at(&store, "a", second).await.as_deref(), Some("2"));
    assert_eq!(value_at(&store, "a", third).await.as_deref(), Some("3"));
}

/// What is current is not history, however old.
pub async fn values_put_long_before_stay(store: Store) {
    let old = put(&store, "old", "1").await;
    for number in 0..20 {
        put(&store, "busy", &number.to_string()).await;
    }
    let now = store.current_revision();
    compact(&store, now).await;
    let found = get(&store, "old").await.expect("it was never deleted");
    assert_eq!(
        (text(&found.value).as_str(), found.mod_revision, found.version),
        ("1", old, 1)
    );
    assert_eq!(get(&store, "busy").await.expect("it was put").version, 20);
}

/// And do not come back.
pub async fn deleted_keys_stay_deleted(store: Store) {
    put_all(&store, &["a", "b"]).await;
    delete(&store, "a").await;
    compact(&store, store.current_revision()).await;
    put(&store, "c", "c").await;
    compact(&store, store.current_revision()).await;
    assert_eq!(get(&store, "a").await, None);
    assert_eq!(names(&store, KeyRange::all()).await, ["b", "c"]);
}

/// At the revisions before its deletion.
pub async fn a_key_deleted_later_is_still_read(store: Store) {
    put(&store, "a", "1").await;
    let kept = put(&store, "b", "1").await;
    let deleted = delete(&store, "a").await;
    compact(&store, kept).await;
    assert_eq!(value_at(&store, "a", kept).await.as_deref(), Some("1"));
    assert_eq!(value_at(&store, "a", deleted).await, None);
}

/// It says so.
pub async fn what_is_compacted_cannot_be_compacted(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    compact(&store, second).await;
    expect_compacted(store.compact(second).await);
    expect_compacted(store.compact(first).await);
    assert_eq!(store.compacted_revision(), second);
}

/// Nothing is forgotten then.
pub async fn the_future_cannot_be_compacted(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    expect_future(store.compact(second.next()).await);
    assert_eq!(value_at(&store, "a", first).await.as_deref(), Some("1"));
}

/// Then only it is left.
pub async fn the_current_revision_can_be_compacted(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    compact(&store, second).await;
    expect_compacted(store.get(&"a".into(), Some(first)).await);
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// As if nothing had happened.
pub async fn the_counter_goes_on(store: Store) {
    let created = put(&store, "a", "1").await;
    let before = put(&store, "a", "2").await;
    compact(&store, before).await;
    let after = put(&store, "a", "3").await;
    let found = get(&store, "a").await.expect("it was put");
    assert_eq!(after, before.next());
    assert_eq!(
        (found.create_revision, found.mod_revision, found.version),
        (created, after, 3)
    );
}

/// Its former life does not matter.
pub async fn a_key_recreated_after_it_is_right(store: Store) {
    put(&store, "a", "1").await;
    let deleted = delete(&store, "a").await;
    compact(&store, deleted).await;
    let again = commit(&store, Transaction::create("a".into(), bytes("2"))).await;
    let found = get(&store, "a").await.expect("it was put");
    assert_eq!((found.create_revision, found.version), (again, 1));
    assert_eq!(value_at(&store, "a", deleted).await, None);
}

/// The rest of history is right each time.
pub async fn again_and_again_under_writes(store: Store) {
    let mut revisions = Vec::new();
    for round in 0..30 {
        for key in ["a", "b", "c"] {
            let value = format!("{key}{round}");
            revisions.push((put(&store, key, &value).await, key, value));
        }
        if round % 3 == 0 {
            revisions.push((delete(&store, "c").await, "c", String::new()));
        }
        let (keep_from, ..) = revisions[revisions.len() / 2];
        if keep_from > store.compacted_revision() {
            compact(&store, keep_from).await;
        }
        for (revision, key, value) in &revisions {
            if *revision >= keep_from {
                let found = value_at(&store, key, *revision).await.unwrap_or_default();
                assert_eq!(found, *value, "{key} at {revision}");
            }
        }
    }
}
