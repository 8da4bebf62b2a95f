//! Reading older revisions.

use super::harness::*;
use crate::{KeyRange, RangeRequest, Revision};

/// At each revision it has had.
pub async fn a_key_is_read_as_it_was(store: Store) {
    let first = put(&store, "a", "1").await;
    let between = put(&store, "b", "x").await;
    let second = put(&store, "a", "2").await;
    put(&store, "a", "3").await;
    for (at, expected) in [(first, "1"), (between, "1"), (second, "2")] {
        assert_eq!(
            value_at(&store, "a", at).await.as_deref(),
            Some(expected),
            "at {at}"
        );
    }
    let found = store
        .get(&"a".into(), Some(between))
        .await
        .expect("it can be read")
        .expect("it was put");
    assert_eq!(
        (found.create_revision, found.mod_revision, found.version),
        (first, first, 1)
    );
}

/// Though the store was there.
pub async fn a_key_is_absent_before_it_is_created(store: Store) {
    let before = put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    assert_eq!(value_at(&store, "b", before).await, None);
}

/// And absent from then on.
pub async fn a_deleted_key_is_read_before_its_deletion(store: Store) {
    let put_at = put(&store, "a", "1").await;
    let deleted_at = delete(&store, "a").await;
    assert_eq!(value_at(&store, "a", put_at).await.as_deref(), Some("1"));
    assert_eq!(value_at(&store, "a", deleted_at).await, None);
}

/// With the gap between them.
pub async fn a_recreated_key_keeps_both_lives(store: Store) {
    let first = put(&store, "a", "1").await;
    let gap = delete(&store, "a").await;
    let second = put(&store, "a", "2").await;
    let values = [
        value_at(&store, "a", first).await,
        value_at(&store, "a", gap).await,
        value_at(&store, "a", second).await,
    ];
    assert_eq!(values, [Some("1".to_owned()), None, Some("2".to_owned())]);
}

/// With keys that are gone and without keys that came later.
pub async fn a_range_is_read_as_it_was(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    let then = store.current_revision();
    delete(&store, "a").await;
    put(&store, "b", "changed").await;
    put(&store, "d", "d").await;
    let answer = range(&store, RangeRequest::new(KeyRange::all()).at(then)).await;
    assert_eq!(key_names(&answer.key_values), ["a", "b", "c"]);
    assert_eq!(text(&answer.key_values[1].value), "b");
    assert_eq!(names(&store, KeyRange::all()).await, ["b", "c", "d"]);
}

/// With a limit and without values too.
pub async fn an_older_range_counts_what_was_there(store: Store) {
    put_all(&store, &["a", "b", "c"]).await;
    let then = store.current_revision();
    delete(&store, "b").await;
    let request = RangeRequest::new(KeyRange::all()).at(then);
    assert_eq!(range(&store, request.clone().count_only()).await.count, 3);
    let limited = range(&store, request.keys_only().limit(2)).await;
    assert_eq!(
        (key_names(&limited.key_values), limited.more),
        (vec!["a".to_owned(), "b".to_owned()], true)
    );
}

/// It answers what no name answers.
pub async fn the_current_revision_can_be_named(store: Store) {
    put_all(&store, &["a", "b"]).await;
    let now = store.current_revision();
    let named = range(&store, RangeRequest::new(KeyRange::all()).at(now)).await;
    assert_eq!(named, range(&store, RangeRequest::new(KeyRange::all())).await);
}

/// Not even the next revision.
pub async fn the_future_cannot_be_read(store: Store) {
    let now = put(&store, "a", "1").await;
    for future in [now.next(), Revision::new(u64::MAX >> 1)] {
        expect_future(store.get(&"a".into(), Some(future)).await);
        expect_future(store.range(RangeRequest::new(KeyRange::all()).at(future)).await);
    }
}
