//! What a failing disk does to a store: writes fail and say why, reads go on, and it recovers when the disk
//! does.

mod support;

use store::{StateStore, StoreError};
use store_embedded::simulation::{Fault, SimulatedDisk};
use store_embedded::{EmbeddedStore, Options};
use support::{get, open_simulated, put, tight_options, try_put};

/// Writes until a write fails; gives why, and how many did not.
async fn write_until_it_fails(store: &EmbeddedStore) -> (StoreError, usize) {
    for number in 0..1000 {
        let value = "x".repeat(300);
        if let Err(error) = try_put(store, &format!("k{number:04}"), &value).await {
            return (error, number);
        }
    }
    panic!("no write has failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_writes_and_nothing_else() {
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, tight_options());
    put(&store, "before", "1").await;
    disk.set_fault(Some(Fault::Full));
    let (error, written) = write_until_it_fails(&store).await;
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    assert!(matches!(store.health().await, Err(StoreError::DiskFull)));
    assert_eq!(
        get(&store, "before").await.expect("reads go on").as_deref(),
        Some("1")
    );
    assert_eq!(store.current_revision().get(), 1 + written as u64);

    disk.set_fault(None);
    store
        .health()
        .await
        .expect("it has recovered, though nobody has written");
    put(&store, "after", "2").await;
    drop(store);
    let store = open_simulated(&disk, tight_options());
    assert_eq!(store.current_revision().get(), 2 + written as u64);
    assert_eq!(
        get(&store, "after").await.expect("it reads").as_deref(),
        Some("2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_stops_writes_and_nothing_else() {
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, Options::default());
    put(&store, "before", "1").await;
    disk.set_fault(Some(Fault::ReadOnly));
    for _ in 0..3 {
        let error = try_put(&store, "during", "2")
            .await
            .expect_err("nothing can be written");
        assert!(matches!(error, StoreError::ReadOnly), "{error}");
    }
    assert!(matches!(store.health().await, Err(StoreError::ReadOnly)));
    assert_eq!(
        get(&store, "before").await.expect("reads go on").as_deref(),
        Some("1")
    );
    assert_eq!(get(&store, "during").await.expect("reads go on"), None);

    disk.set_fault(None);
    let revision = put(&store, "after", "3").await;
    assert_eq!(revision.get(), 2);
    store.health().await.expect("it has recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_is_not_seen_and_leaves_no_gap() {
    for operation in 1..=3 {
        let disk = SimulatedDisk::new();
        let store = open_simulated(
            &disk,
            Options {
                segment_bytes: 64 << 10,
                ..Options::default()
            },
        );
        put(&store, "a", "1").await;
        disk.set_fault(Some(Fault::Error {
            operation: disk.operations() + operation,
        }));
        let results = [try_put(&store, "b", "2").await, try_put(&store, "c", "3").await];
        let failed = results
            .iter()
            .filter(|result| matches!(result, Err(StoreError::Io { .. })))
            .count();
        assert!(failed <= 1, "one error fails {failed} writes");
        disk.set_fault(None);
        let revision = put(&store, "d", "4").await;
        assert_eq!(revision.get(), 4 - failed as u64);
        let listed = store
            .range(store::RangeRequest::new(store::KeyRange::all()))
            .await
            .expect("it reads");
        assert_eq!(listed.count, 4 - failed);
        drop(store);
        let store = open_simulated(&disk, Options::default());
        assert_eq!(store.current_revision(), revision);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_says_so() {
    let store = open_simulated(&SimulatedDisk::new(), Options::default());
    put(&store, "a", "1").await;
    store.close();
    assert!(matches!(try_put(&store, "b", "2").await, Err(StoreError::Closed)));
    assert_eq!(
        get(&store, "a")
            .await
            .expect("what is read needs no writer")
            .as_deref(),
        Some("1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused() {
    let store = open_simulated(&SimulatedDisk::new(), Options::default());
    let limit = Options::default().max_transaction_bytes;
    let error = try_put(&store, "a", &"x".repeat(limit))
        .await
        .expect_err("the key is beyond the limit");
    assert!(
        matches!(error, StoreError::TooLarge { limit: told, .. } if told == limit),
        "{error}"
    );
    put(&store, "a", &"x".repeat(limit - 1)).await;
    let long_key = "k".repeat(70_000);
    assert!(matches!(
        try_put(&store, &long_key, "1").await,
        Err(StoreError::Invalid(_))
    ));
}
