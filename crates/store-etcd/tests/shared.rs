//! What else etcd is and others do: leases, large answers, no space, several stores on one etcd.

mod support;

use std::time::Duration;

use bytes::Bytes;
use etcd_process::{Etcd, EtcdBuilder};
use futures::StreamExt;
use store::{
    Key, KeyRange, Outcome, RangeRequest, Revision, StateStore, StoreError, Transaction, WatchRequest,
};
use store_etcd::EtcdStore;
use support::connect;

/// How long etcd may take to say that it is full.
const PATIENCE: Duration = Duration::from_secs(60);

async fn commit(store: &EtcdStore, transaction: Transaction) -> Revision {
    match store.commit(transaction).await {
        Ok(Outcome::Committed { revision }) => revision,
        other => panic!("expected a commit, got {other:?}"),
    }
}

fn numbered(number: usize) -> Key {
    format!("/registry/k/{number:06}").into()
}

#[tokio::test]
async fn events_share_a_lease() {
    let etcd = Etcd::single();
    let store = connect(&etcd).await;
    for number in 0..50 {
        let hour = Duration::from_secs(3600);
        commit(
            &store,
            Transaction::new().put_for(numbered(number), Bytes::from_static(b"v"), hour),
        )
        .await;
    }
    let leases = etcd.ctl(&["lease", "list"]);
    assert_eq!(leases.lines().count(), 2, "a headline and one lease: {leases}");
    let minute = Duration::from_secs(60);
    commit(
        &store,
        Transaction::new().put_for(numbered(0), Bytes::from_static(b"v"), minute),
    )
    .await;
    assert_eq!(
        etcd.ctl(&["lease", "list"]).lines().count(),
        3,
        "a minute is no hour"
    );
}

#[tokio::test]
async fn a_revoked_lease_does_no_harm() {
    let etcd = Etcd::single();
    let store = connect(&etcd).await;
    let hour = Duration::from_secs(3600);
    let put = || Transaction::new().put_for(numbered(0), Bytes::from_static(b"v"), hour);
    commit(&store, put()).await;
    let leases = etcd.ctl(&["lease", "list"]);
    let lease = leases.lines().nth(1).expect("there is one");
    etcd.ctl(&["lease", "revoke", lease]);
    assert_eq!(store.get(&numbered(0), None).await.expect("it is read"), None);
    commit(&store, put()).await;
    assert!(store.get(&numbered(0), None).await.expect("it is read").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_ranges_are_of_one_revision_and_large_watches_are_whole() {
    let etcd = EtcdBuilder::members(1).with(&["--snapshot-count=1000"]).start();
    let store = connect(&etcd).await;
    let start = store.current_revision();
    let value = Bytes::from(vec![7; 300 << 10]);
    for number in 0..60 {
        commit(&store, Transaction::new().put(numbered(number), value.clone())).await;
    }
    let end = commit(&store, Transaction::new().put(numbered(99), "end".into())).await;
    let (read, _) = tokio::join!(
        store.range(RangeRequest::new(KeyRange::prefix("/registry/"))),
        async {
            for number in 0..60 {
                commit(&store, Transaction::new().put(numbered(number), "new".into())).await;
            }
        }
    );
    let read = read.expect("it is read");
    let (new, old): (Vec<_>, Vec<_>) = read.key_values.iter().partition(|found| found.value == "new");
    assert_eq!((new.len() + old.len(), read.count, read.more), (61, 61, false));
    let expected = read.revision.get() - end.get();
    assert_eq!(new.len() as u64, expected, "as of one revision");

    // The past comes in answers of many revisions, which etcd cuts into pieces in the middle of them.
    let mut stream = store
        .watch(WatchRequest::new(KeyRange::prefix("/registry/")).after(start))
        .await
        .expect("granted");
    let mut next = start.next();
    while next <= end {
        let batch = stream
            .next()
            .await
            .expect("it goes on")
            .expect("it does not fail");
        for event in batch.events {
            assert_eq!(event.revision(), next);
            next = next.next();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_larger_than_a_piece_is_one_batch() {
    let etcd = EtcdBuilder::members(1)
        .with(&["--max-request-bytes=400000"])
        .start();
    let store = connect(&etcd).await;
    let mut stream = store
        .watch(WatchRequest::new(KeyRange::all()).with_previous())
        .await
        .expect("granted");
    let all = |fill: u8| {
        (0..7).fold(Transaction::new(), |transaction, number| {
            transaction.put(numbered(number), vec![fill; 50_000].into())
        })
    };
    // With what was there before, an answer is larger than a request may be, so that it comes in pieces.
    for fill in 0..3 {
        let revision = commit(&store, all(fill)).await;
        let batch = stream
            .next()
            .await
            .expect("it goes on")
            .expect("it does not fail");
        assert_eq!((batch.revision, batch.events.len()), (revision, 7));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_space_writes_fail_and_reads_go_on() {
    let etcd = EtcdBuilder::members(1)
        .with(&["--quota-backend-bytes=2000000"])
        .start();
    let store = connect(&etcd).await;
    let filler = Bytes::from(vec![7; 200_000]);
    let filled = tokio::time::timeout(PATIENCE, async {
        // etcd sees how large it is when a batch of writes reaches its file, so that how many it takes is not known.
        let error = loop {
            let put = Transaction::new().put(numbered(0), filler.clone());
            if let Err(error) = store.commit(put).await {
                break error;
            }
        };
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        // It tells of it after it has refused a write.
        while store.health().await.is_ok() {}
    });
    filled.await.expect("etcd has no more space");
    assert!(matches!(store.health().await, Err(StoreError::DiskFull)));
    assert!(store.get(&numbered(0), None).await.expect("it is read").is_some());

    store
        .compact(store.current_revision())
        .await
        .expect("it can be compacted");
    etcd.ctl(&["compact", &store.current_revision().to_string(), "--physical"]);
    etcd.ctl(&["defrag"]);
    etcd.ctl(&["alarm", "disarm"]);
    commit(&store, Transaction::new().put(numbered(0), "small".into())).await;
    store.health().await.expect("there is space again");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_told_with_its_size() {
    let etcd = Etcd::single();
    let store = connect(&etcd).await;
    for size in [1_800_000, 3_000_000] {
        let put = Transaction::new().put("/k".into(), vec![7; size].into());
        match store.commit(put).await {
            Err(StoreError::TooLarge { size: told, limit }) => assert!(told >= size && limit < size),
            other => panic!("{size}: {other:?}"),
        }
    }
    assert_eq!(store.get(&"/k".into(), None).await.expect("it is read"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_see_each_other() {
    let etcd = Etcd::single();
    let (one, other) = (connect(&etcd).await, connect(&etcd).await);
    let mut stream = other
        .watch(WatchRequest::new(KeyRange::prefix("/registry/")))
        .await
        .expect("granted");
    let first = commit(&one, Transaction::create(numbered(0), "1".into())).await;
    assert_eq!(other.latest_revision().await.expect("etcd answers"), first);
    assert_eq!(other.current_revision(), first);
    let batch = stream
        .next()
        .await
        .expect("it goes on")
        .expect("it does not fail");
    assert_eq!((batch.revision, batch.events.len()), (first, 1));

    // The other forgets history; this one learns of it when it meets the gap.
    let last = commit(&one, Transaction::update(numbered(0), first, "2".into())).await;
    commit(&one, Transaction::update(numbered(0), last, "3".into())).await;
    etcd.ctl(&["compact", &last.to_string()]);
    for error in [
        one.range(RangeRequest::new(KeyRange::all()).at(first))
            .await
            .map(|_| ())
            .expect_err("it is gone"),
        other
            .watch(WatchRequest::new(KeyRange::all()).start(first))
            .await
            .map(|_| ())
            .expect_err("it is gone"),
        one.compact(last).await.expect_err("it is done"),
    ] {
        assert!(matches!(error, StoreError::Compacted { .. }), "{error}");
    }
    assert_eq!(
        one.get(&numbered(0), Some(last))
            .await
            .expect("held")
            .expect("there")
            .value,
        "2"
    );
}
