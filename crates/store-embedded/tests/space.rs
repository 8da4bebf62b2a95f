//! Space and history are bounded by themselves.

mod support;

use std::time::Duration;

use bytes::Bytes;
use store::{KeyRange, RangeRequest, StateStore, Transaction, WatchRequest};
use store_embedded::simulation::SimulatedDisk;
use store_embedded::{EmbeddedStore, Options};
use support::{get, open_simulated, put};

const PATIENCE: Duration = Duration::from_secs(60);

fn options() -> Options {
    Options {
        history: Duration::from_millis(20),
        segment_bytes: 8 << 10,
        checkpoint_bytes: 16 << 10,
        pack_values: false,
        ..Options::default()
    }
}

/// Waits until something is so, while other tasks run.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it comes to be so");
}

async fn until_compacted(store: &EmbeddedStore) {
    until(|| store.compacted_revision() == store.current_revision()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_given_up_when_it_is_old() {
    let store = open_simulated(&SimulatedDisk::new(), options());
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    until_compacted(&store).await;
    assert!(store.get(&"a".into(), Some(first)).await.is_err());
    assert_eq!(get(&store, "a").await.expect("it reads").as_deref(), Some("2"));
    put(&store, "a", "3").await;
    until_compacted(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_given_up_when_it_is_much() {
    let options = Options {
        history: Duration::from_secs(3600),
        max_history_changes: 100,
        ..options()
    };
    let store = open_simulated(&SimulatedDisk::new(), options);
    for number in 0..300 {
        put(&store, "a", &number.to_string()).await;
    }
    until(|| store.statistics().history_changes <= 100).await;
    let oldest = store.compacted_revision();
    assert!(
        store
            .get(&"a".into(), Some(oldest))
            .await
            .expect("it is held")
            .is_some()
    );
    assert!(oldest.get() >= 200, "{oldest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn space_is_reclaimed_while_the_store_goes_on() {
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, options());
    // Some that stay where they are, between many that are replaced.
    for number in 0..50 {
        put(&store, &format!("settled/{number:02}"), &"x".repeat(100)).await;
        put(&store, "busy", &"y".repeat(400)).await;
    }
    let bound = 16 * u64::from(options().segment_bytes);
    let mut written: u64 = 0;
    while written < 40 * bound {
        put(&store, &format!("busy/{}", written / 900 % 5), &"y".repeat(900)).await;
        written += 900;
    }
    until_compacted(&store).await;
    put(&store, "busy", "the last").await;
    until(|| store.statistics().segment_bytes <= bound).await;
    let report = |listed: store::RangeResponse| (listed.count, listed.revision);
    let before = report(
        store
            .range(RangeRequest::new(KeyRange::all()))
            .await
            .expect("it reads"),
    );
    assert_eq!(before.0, 56);
    drop(store);
    let store = open_simulated(&disk, options());
    assert_eq!(
        report(
            store
                .range(RangeRequest::new(KeyRange::all()))
                .await
                .expect("it reads")
        ),
        before
    );
    let settled = get(&store, "settled/07").await.expect("it reads");
    assert_eq!(settled, Some("x".repeat(100)));
}

/// A Lease as a node renews it: most of it is the same each time.
fn lease(node: usize, renewal: usize) -> Bytes {
    let lease = format!(
        r#"{{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{{"name":"node-{node}","namespace":"kube-node-lease","uid":"8b1c7a6e-0d4f-4a53-9c38-1f1e0c1f{node:04}","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{{"manager":"kubelet","operation":"Update","apiVersion":"coordination.k8s.io/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{{"f:spec":{{"f:acquireTime":{{}},"f:holderIdentity":{{}},"f:leaseDurationSeconds":{{}},"f:renewTime":{{}}}}}}}}]}},"spec":{{"holderIdentity":"node-{node}","leaseDurationSeconds":40,"renewTime":"2026-01-01T00:{:02}:{:02}.000000Z"}}}}"#,
        renewal / 60 % 60,
        renewal % 60,
    );
    lease.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_are_renewed_and_events_that_expire_take_no_more_with_time() {
    let options = Options {
        pack_values: true,
        ..options()
    };
    let disk = SimulatedDisk::new();
    let store = open_simulated(&disk, options);
    let mut written = 0;
    for renewal in 0..100 {
        for node in 0..20 {
            let value = lease(node, renewal);
            written += 2 * value.len();
            let both = Transaction::new()
                .put(format!("leases/{node}").as_str().into(), value.clone())
                .put_for(
                    format!("events/{node}/{renewal}").as_str().into(),
                    value,
                    Duration::from_millis(20),
                );
            store.commit(both).await.expect("the disk takes it");
        }
    }
    // The last deletion is history until there is another change.
    until(|| store.statistics().keys <= 21 && store.statistics().segment_bytes <= 64 << 10).await;
    let live = store.statistics().live_bytes;
    assert!(live < 20 * 400, "{live} bytes of {written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_not_concerned_outlives_history() {
    let store = open_simulated(&SimulatedDisk::new(), options());
    let mut watch = store
        .watch(WatchRequest::new(KeyRange::prefix("quiet/")))
        .await
        .expect("it is granted");
    let started = futures::StreamExt::next(&mut watch);
    let mut started = Box::pin(started);
    assert!(futures::poll!(&mut started).is_pending());
    for round in 0..5 {
        put(&store, "busy", &round.to_string()).await;
        until_compacted(&store).await;
    }
    let revision = put(&store, "quiet/a", "1").await;
    let batch = started
        .await
        .expect("it goes on")
        .expect("its place was moved along");
    assert_eq!((batch.revision, batch.events.len()), (revision, 1));
}
