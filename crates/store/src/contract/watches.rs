//! Watching from now on.

use super::harness::*;
use crate::{Event, KeyRange, Revision, Transaction, WatchRequest};

/// With all that a read would say.
pub async fn a_new_key_is_a_create(store: Store) {
    let mut stream = watch(&store, "").await;
    let revision = put(&store, "a", "1").await;
    let batch = next_batch(&mut stream).await;
    let current = get(&store, "a").await.expect("it was put");
    assert_eq!(
        batch.events,
        [Event::Put {
            current,
            previous: None
        }]
    );
    assert!(batch.events[0].is_create());
    assert_eq!(batch.revision, revision);
}

/// Its create revision is older.
pub async fn a_put_again_is_not_a_create(store: Store) {
    put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    let revision = put(&store, "a", "2").await;
    assert_eq!(
        describe(&next_event(&mut stream).await),
        format!("*a=2@{revision}")
    );
}

/// With its key and revision.
pub async fn a_deletion_is_seen(store: Store) {
    put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    let revision = delete(&store, "a").await;
    let expected = Event::Delete {
        key: "a".into(),
        revision,
        previous: None,
    };
    assert_eq!(next_event(&mut stream).await, expected);
}

/// It is a new key.
pub async fn a_created_after_deleted_key_is_a_create(store: Store) {
    put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    let deleted = delete(&store, "a").await;
    let created = put(&store, "a", "2").await;
    let events = next_events(&mut stream, 2).await;
    assert_eq!(
        describe_all(&events),
        [format!("-a@{deleted}"), format!("+a=2@{created}")]
    );
}

/// For puts and deletions, and none for a create.
pub async fn previous_values_come_when_asked_for(store: Store) {
    let request = WatchRequest::new(KeyRange::all()).with_previous();
    let mut stream = open_watch(&store, request).await;
    put(&store, "a", "1").await;
    let first = get(&store, "a").await;
    put(&store, "a", "2").await;
    let second = get(&store, "a").await;
    delete(&store, "a").await;
    put(&store, "a", "3").await;
    let events = next_events(&mut stream, 4).await;
    let previous: Vec<_> = events.iter().map(|event| event.previous().cloned()).collect();
    assert_eq!(previous, [None, first, second, None]);
}

/// They may cost a read.
pub async fn previous_values_stay_away_otherwise(store: Store) {
    let mut stream = watch(&store, "").await;
    put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    let events = next_events(&mut stream, 3).await;
    assert!(events.iter().all(|event| event.previous().is_none()));
}

/// What was before is not told.
pub async fn only_later_changes_without_a_start(store: Store) {
    put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    let revision = put(&store, "b", "1").await;
    assert_eq!(
        describe(&next_event(&mut stream).await),
        format!("+b=1@{revision}")
    );
}

/// Siblings of a prefix are not told.
pub async fn only_the_range_is_seen(store: Store) {
    let mut stream = watch(&store, "pods/").await;
    put_all(&store, &["pod", "pods", "pods0", "pods/a", "x", "pods/b"]).await;
    delete(&store, "pods0").await;
    let keys: Vec<_> = next_events(&mut stream, 2)
        .await
        .iter()
        .map(|event| text(event.key()))
        .collect();
    assert_eq!(keys, ["pods/a", "pods/b"]);
    expect_silence(&mut stream).await;
}

/// Its continuations are not told.
pub async fn a_single_key_can_be_watched(store: Store) {
    let request = WatchRequest::new(KeyRange::single("a".into()));
    let mut stream = open_watch(&store, request).await;
    put_all(&store, &["a/b", "a0", "a"]).await;
    assert_eq!(text(next_event(&mut stream).await.key()), "a");
    expect_silence(&mut stream).await;
}

/// In one stream.
pub async fn everything_can_be_watched(store: Store) {
    let mut stream = open_watch(&store, WatchRequest::new(KeyRange::all())).await;
    put_all(&store, &["z", "a", "m"]).await;
    let keys: Vec<_> = next_events(&mut stream, 3)
        .await
        .iter()
        .map(|event| text(event.key()))
        .collect();
    assert_eq!(keys, ["z", "a", "m"]);
}

/// Never in two.
pub async fn a_transaction_is_one_batch_in_the_order_of_keys(store: Store) {
    put(&store, "b", "0").await;
    let mut stream = watch(&store, "").await;
    let transaction = Transaction::new()
        .put("c".into(), bytes("1"))
        .delete("b".into())
        .put("a".into(), bytes("2"));
    let revision = commit(&store, transaction).await;
    let batch = next_batch(&mut stream).await;
    assert_eq!(
        describe_all(&batch.events),
        [
            format!("+a=2@{revision}"),
            format!("-b@{revision}"),
            format!("+c=1@{revision}")
        ]
    );
    assert_eq!(batch.revision, revision);
}

/// Conflicts and deletions of absent keys.
pub async fn changes_that_were_none_are_not_seen(store: Store) {
    put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    conflict(&store, Transaction::create("a".into(), bytes("2"))).await;
    delete(&store, "b").await;
    commit(&store, Transaction::new()).await;
    expect_silence(&mut stream).await;
    let with_absent = Transaction::new().delete("b".into()).put("c".into(), bytes("3"));
    let revision = commit(&store, with_absent).await;
    assert_eq!(
        describe(&next_event(&mut stream).await),
        format!("+c=3@{revision}")
    );
}

/// Each once.
pub async fn revisions_come_in_order_without_gap(store: Store) {
    let mut stream = watch(&store, "").await;
    let start = store.current_revision();
    for number in 0..300 {
        commit(
            &store,
            Transaction::new().put(numbered("k", number % 7), bytes("v")),
        )
        .await;
    }
    let revisions: Vec<_> = next_events(&mut stream, 300)
        .await
        .iter()
        .map(Event::revision)
        .collect();
    let expected: Vec<_> = (1..=300).map(|n| Revision::new(start.get() + n)).collect();
    assert_eq!(revisions, expected);
}

/// Neither takes from the other.
pub async fn two_watches_see_the_same(store: Store) {
    let mut one = watch(&store, "").await;
    let mut other = watch(&store, "").await;
    put_all(&store, &["a", "b", "c"]).await;
    delete(&store, "b").await;
    assert_eq!(next_events(&mut one, 4).await, next_events(&mut other, 4).await);
}

/// Neither the store nor other watches.
pub async fn a_dropped_watch_harms_nobody(store: Store) {
    let mut kept = watch(&store, "").await;
    let dropped = watch(&store, "").await;
    put(&store, "a", "1").await;
    drop(dropped);
    put(&store, "b", "1").await;
    assert_eq!(next_events(&mut kept, 2).await.len(), 2);
}

/// Though nothing happened.
pub async fn a_progress_mark_comes_when_asked_for(store: Store) {
    let revision = put(&store, "a", "1").await;
    let mut stream = watch(&store, "").await;
    assert_eq!(expect_silence(&mut stream).await, revision);
    assert_eq!(expect_silence(&mut stream).await, revision);
}

/// So a cache knows that it is up to date.
pub async fn a_progress_mark_covers_changes_elsewhere(store: Store) {
    let mut stream = watch(&store, "pods/").await;
    let revision = put(&store, "nodes/a", "1").await;
    assert!(expect_silence(&mut stream).await >= revision);
}

/// Whatever it promises has been delivered.
pub async fn a_progress_mark_never_overtakes_events(store: Store) {
    let mut stream = watch(&store, "").await;
    let requester = stream.progress_requester();
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            commit(&writer, Transaction::new().put(numbered("k", number), bytes("v"))).await;
            requester.request();
        }
    });
    let start = next_batch(&mut stream).await;
    let mut delivered = start.events.len() as u64;
    let first = start
        .events
        .first()
        .map_or(start.revision.next(), Event::revision);
    while delivered < 200 {
        let batch = next_batch(&mut stream).await;
        delivered += batch.events.len() as u64;
        assert_eq!(
            batch.revision.get() + 1 - first.get(),
            delivered,
            "up to {}",
            batch.revision
        );
    }
    writing.await.expect("the writer ends well");
}
