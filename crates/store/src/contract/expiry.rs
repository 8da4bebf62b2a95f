//! Keys with a time to live.

use std::time::{Duration, Instant};

use super::harness::*;
use crate::{KeyRange, Transaction, WatchRequest};

/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(100);
/// Long enough never to come due in a test.
const LONG: Duration = Duration::from_secs(3600);

async fn put_for(store: &Store, key: &str, value: &str, time_to_live: Duration) -> crate::Revision {
    commit(
        store,
        Transaction::new().put_for(key.into(), bytes(value), time_to_live),
    )
    .await
}

/// Without anybody asking.
pub async fn a_key_goes_when_its_time_is_over(store: Store) {
    let mut stream = open_watch(&store, WatchRequest::new(KeyRange::all()).with_previous()).await;
    put_for(&store, "a", "1", SHORT).await;
    let events = next_events(&mut stream, 2).await;
    assert_eq!(describe(&events[1]), format!("-a@{}", events[1].revision()));
    assert_eq!(
        events[1]
            .previous()
            .map(|previous| text(&previous.value))
            .as_deref(),
        Some("1")
    );
    assert_eq!(get(&store, "a").await, None);
}

/// Not even a little.
pub async fn a_key_does_not_go_before(store: Store) {
    let put_at = Instant::now();
    put_for(&store, "a", "1", SHORT).await;
    put_for(&store, "b", "1", LONG).await;
    wait_until_gone(&store, "a").await;
    assert!(put_at.elapsed() >= SHORT, "it went after {:?}", put_at.elapsed());
    assert_eq!(value(&store, "b").await.as_deref(), Some("1"));
}

/// Which reads and watches see.
pub async fn an_expired_key_is_gone_in_a_revision_of_its_own(store: Store) {
    let put_at = put_for(&store, "a", "1", SHORT).await;
    wait_until_gone(&store, "a").await;
    assert_eq!(store.current_revision(), put_at.next());
    assert_eq!(put(&store, "b", "1").await, put_at.next().next());
}

/// Together or one after the other, but with no other change.
pub async fn keys_due_together_go_in_revisions_of_their_own(store: Store) {
    let transaction = (0..10).fold(Transaction::new(), |transaction, number| {
        transaction.put_for(numbered("k", number), bytes("v"), SHORT)
    });
    let put_at = commit(&store, transaction).await;
    let mut stream = open_watch(&store, WatchRequest::new(KeyRange::all()).after(put_at)).await;
    let events = next_events(&mut stream, 10).await;
    let mut taken: Vec<_> = events.iter().map(|event| event.revision().get()).collect();
    taken.dedup();
    let expected: Vec<_> = (put_at.get() + 1..).take(taken.len()).collect();
    assert_eq!(taken, expected);
    let mut gone: Vec<_> = events.iter().map(|event| text(event.key())).collect();
    gone.sort_unstable();
    assert_eq!(gone, (0..10).map(|n| text(&numbered("k", n))).collect::<Vec<_>>());
}

/// The key stays.
pub async fn a_put_without_a_time_takes_it_away(store: Store) {
    put_for(&store, "a", "1", SHORT).await;
    put(&store, "a", "2").await;
    put_for(&store, "witness", "1", SHORT * 2).await;
    wait_until_gone(&store, "witness").await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// As a renewal does.
pub async fn a_put_with_a_longer_time_prolongs_it(store: Store) {
    put_for(&store, "a", "1", SHORT).await;
    put_for(&store, "a", "2", LONG).await;
    put_for(&store, "witness", "1", SHORT * 2).await;
    wait_until_gone(&store, "witness").await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// A key that is created again does not inherit it.
pub async fn a_deletion_takes_the_time_away(store: Store) {
    put_for(&store, "a", "1", SHORT).await;
    delete(&store, "a").await;
    put(&store, "a", "2").await;
    put_for(&store, "witness", "1", SHORT * 2).await;
    wait_until_gone(&store, "witness").await;
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
}

/// Like any deleted key.
pub async fn an_expired_key_is_still_in_history(store: Store) {
    let put_at = put_for(&store, "a", "1", SHORT).await;
    wait_until_gone(&store, "a").await;
    assert_eq!(value_at(&store, "a", put_at).await.as_deref(), Some("1"));
}

/// Like any deleted key.
pub async fn an_expired_key_can_be_created_again(store: Store) {
    put_for(&store, "a", "1", SHORT).await;
    wait_until_gone(&store, "a").await;
    let revision = commit(&store, Transaction::create("a".into(), bytes("2"))).await;
    let found = get(&store, "a").await.expect("it was put");
    assert_eq!((found.create_revision, found.version), (revision, 1));
}
