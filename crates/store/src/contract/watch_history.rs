//! Watching from a revision in the past or the future.

use std::collections::BTreeMap;

use super::harness::*;
use crate::{Event, KeyRange, RangeRequest, Revision, Transaction, WatchRequest};

fn everything() -> WatchRequest {
    WatchRequest::new(KeyRange::all())
}

/// And goes on into the present.
pub async fn a_watch_starts_in_the_past(store: Store) {
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    let mut stream = open_watch(&store, everything().start(first)).await;
    put(&store, "a", "3").await;
    let n = first.get();
    let expected = [
        format!("+a=1@{n}"),
        format!("*a=2@{}", n + 1),
        format!("-a@{}", n + 2),
        format!("+a=3@{}", n + 3),
    ];
    assert_eq!(describe_all(&next_events(&mut stream, 4).await), expected);
}

/// Not before and not after it.
pub async fn a_watch_starts_with_its_start(store: Store) {
    put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let third = put(&store, "a", "3").await;
    let mut from_second = open_watch(&store, everything().start(second)).await;
    let mut after_second = open_watch(&store, everything().after(second)).await;
    assert_eq!(next_events(&mut from_second, 2).await[0].revision(), second);
    assert_eq!(next_event(&mut after_second).await.revision(), third);
}

/// Nothing has happened yet, and who asks is told so.
pub async fn a_fresh_store_is_watched_to_its_present(store: Store) {
    let now = store.current_revision();
    let mut stream = open_watch(&store, everything().start(now)).await;
    stream.progress_requester().request();
    assert!(next_batch(&mut stream).await.revision >= now);
}

/// A start that is not reached yet is waited for, and what comes earlier is skipped.
pub async fn a_watch_waits_for_the_future(store: Store) {
    let now = put(&store, "a", "0").await;
    let start = Revision::new(now.get() + 3);
    let mut stream = open_watch(&store, everything().start(start)).await;
    for number in 1..=4 {
        put(&store, "a", &number.to_string()).await;
    }
    let events = next_events(&mut stream, 2).await;
    assert_eq!(
        describe_all(&events),
        [format!("*a=3@{start}"), format!("*a=4@{}", start.next())]
    );
}

/// As the present has.
pub async fn the_past_has_previous_values(store: Store) {
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    let mut stream = open_watch(&store, everything().start(first).with_previous()).await;
    let previous: Vec<_> = next_events(&mut stream, 3)
        .await
        .iter()
        .map(|event| event.previous().map(|previous| text(&previous.value)))
        .collect();
    assert_eq!(previous, [None, Some("1".to_owned()), Some("2".to_owned())]);
}

/// After any batch.
pub async fn a_place_can_be_resumed(store: Store) {
    let first = put(&store, "a", "0").await;
    for number in 1..100 {
        commit(
            &store,
            Transaction::new().put(numbered("k", number % 5), bytes("v")),
        )
        .await;
    }
    let mut seen = Vec::new();
    let mut place = Revision::new(first.get() - 1);
    while seen.len() < 100 {
        let mut stream = open_watch(&store, everything().after(place)).await;
        let batch = next_batch(&mut stream).await;
        place = batch.revision;
        seen.extend(batch.events.iter().map(|event| event.revision().get()));
    }
    assert_eq!(seen, (first.get()..first.get() + 100).collect::<Vec<_>>());
}

/// Though it was not read while thousands of changes came.
pub async fn a_slow_watch_catches_up(store: Store) {
    let mut stream = watch(&store, "k").await;
    for number in 0..40 {
        let transaction = (0..100).fold(Transaction::new(), |transaction, offset| {
            transaction.put(numbered("k", number * 100 + offset), bytes("v"))
        });
        commit(&store, transaction).await;
    }
    let events = next_events(&mut stream, 4000).await;
    assert!(
        events
            .iter()
            .enumerate()
            .all(|(number, event)| *event.key() == numbered("k", number))
    );
}

/// A cache that is filled from a range and follows with a watch holds what the store holds.
pub async fn a_range_and_a_watch_fit_together(store: Store) {
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..400 {
            let key = numbered("k", number * 7 % 50);
            let transaction = match number % 3 {
                0 => Transaction::new().delete(key),
                _ => Transaction::new().put(key, bytes(&number.to_string())),
            };
            commit(&writer, transaction).await;
        }
        commit(&writer, Transaction::new().put("kend".into(), bytes("end"))).await
    });
    let listed = range(&store, RangeRequest::new(KeyRange::prefix("k"))).await;
    let request = WatchRequest::new(KeyRange::prefix("k")).after(listed.revision);
    let mut stream = open_watch(&store, request).await;
    let mut cache: BTreeMap<_, _> = listed
        .key_values
        .into_iter()
        .map(|key_value| (key_value.key.clone(), key_value))
        .collect();
    let end = writing.await.expect("the writer ends well");
    let mut reached = listed.revision;
    while reached < end {
        let batch = next_batch(&mut stream).await;
        reached = batch.revision;
        for event in batch.events {
            match event {
                Event::Put { current, .. } => cache.insert(current.key.clone(), current),
                Event::Delete { key, .. } => cache.remove(&key),
            };
        }
    }
    let held = range(&store, RangeRequest::new(KeyRange::prefix("k")))
        .await
        .key_values;
    assert_eq!(cache.into_values().collect::<Vec<_>>(), held);
}

/// There would be a gap.
pub async fn a_compacted_start_is_refused(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    store.compact(second).await.expect("it can be compacted");
    expect_compacted(store.watch(everything().start(first)).await);
}

/// Nothing of it is lost.
pub async fn the_compacted_revision_can_be_watched_from(store: Store) {
    put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let third = put(&store, "b", "3").await;
    store.compact(second).await.expect("it can be compacted");
    let mut stream = open_watch(&store, everything().start(second)).await;
    let events = next_events(&mut stream, 2).await;
    assert_eq!(
        describe_all(&events),
        [format!("*a=2@{second}"), format!("+b=3@{third}")]
    );
}

/// Though the key is nowhere any more.
pub async fn a_deletion_at_the_compacted_revision_is_seen(store: Store) {
    put(&store, "a", "1").await;
    let deleted = delete(&store, "a").await;
    store.compact(deleted).await.expect("it can be compacted");
    let mut stream = open_watch(&store, everything().start(deleted)).await;
    assert_eq!(describe(&next_event(&mut stream).await), format!("-a@{deleted}"));
}

/// It is at the present.
pub async fn compaction_spares_a_watch_that_kept_up(store: Store) {
    let mut stream = watch(&store, "a").await;
    for round in 0..5 {
        let put_at = put(&store, "a", &round.to_string()).await;
        assert_eq!(next_event(&mut stream).await.revision(), put_at);
        let elsewhere = put(&store, "elsewhere", &round.to_string()).await;
        assert!(expect_silence(&mut stream).await >= elsewhere);
        store
            .compact(store.current_revision())
            .await
            .expect("it can be compacted");
    }
}

/// With the reason, and for good.
pub async fn a_watch_whose_place_is_compacted_ends(store: Store) {
    let first = put(&store, "a", "0").await;
    let mut stream = open_watch(&store, everything().start(first)).await;
    for number in 0..5 {
        put(&store, "a", &number.to_string()).await;
    }
    store
        .compact(store.current_revision())
        .await
        .expect("it can be compacted");
    // A backend may have read ahead before the compaction, so that batches may come first.
    let end = loop {
        match next(&mut stream).await {
            Some(Ok(batch)) if batch.revision < store.current_revision() => {}
            other => break other,
        }
    };
    if let Some(Err(error)) = end {
        expect_compacted::<()>(Err(error));
        assert!(next(&mut stream).await.is_none(), "a failed watch has ended");
    }
}
