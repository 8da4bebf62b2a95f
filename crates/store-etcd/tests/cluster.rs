//! Three members over TLS: what is lost and comes back, with writes and a watch going on all the time.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_process::Etcd;
use futures::StreamExt;
use parking_lot::Mutex;
use store::{
    Event, KeyRange, Outcome, RangeRequest, Revision, StateStore, StoreError, Transaction, WatchRequest,
    WatchStream,
};
use store_etcd::{EtcdStore, Timeouts};
use support::{options, three_over_tls};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// So many writes must succeed after a loss.
const AFTERWARDS: usize = 30;

/// Somebody who writes all the time.
struct Writer {
    task: tokio::task::JoinHandle<()>,
    written: Arc<Written>,
}

#[derive(Default)]
struct Written {
    ends: AtomicBool,
    count: AtomicUsize,
    /// The value of each revision that was acknowledged.
    acknowledged: Mutex<BTreeMap<u64, String>>,
    /// Values of writes that surely did not happen.
    refused: Mutex<Vec<String>>,
}

impl Writer {
    fn start(store: EtcdStore) -> Self {
        let written = Arc::new(Written::default());
        let task = tokio::spawn(write(store, written.clone()));
        Self { task, written }
    }

    /// Waits until so many more writes are acknowledged.
    async fn more(&self, count: usize) {
        let until = self.written.count.load(Ordering::SeqCst) + count;
        let waiting = async {
            while self.written.count.load(Ordering::SeqCst) < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("writes succeed again");
    }

    /// The same on a thread that may be kept.
    fn wait_for_more(&self, count: usize) {
        tokio::runtime::Handle::current().block_on(self.more(count));
    }

    async fn end(self) -> Arc<Written> {
        self.written.ends.store(true, Ordering::SeqCst);
        self.task.await.expect("the writer does not panic");
        self.written
    }
}

async fn write(store: EtcdStore, written: Arc<Written>) {
    for number in 0_u32.. {
        if written.ends.load(Ordering::SeqCst) {
            return;
        }
        let value = format!("value-{number}");
        let put = Transaction::new().put(format!("/load/{}", number % 7).into(), value.clone().into());
        match store.commit(put).await {
            Ok(Outcome::Committed { revision }) => {
                written.acknowledged.lock().insert(revision.get(), value);
                written.count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(conflict) => panic!("nothing was demanded: {conflict:?}"),
            Err(StoreError::Unavailable(_)) => written.refused.lock().push(value),
            Err(StoreError::OutcomeUnknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Everything a watch delivers, up to and with `end`: each revision once, none left out.
async fn follow(mut stream: WatchStream, start: Revision, end: Revision) -> BTreeMap<u64, String> {
    let mut seen = BTreeMap::new();
    let mut next = start.next();
    while next <= end {
        stream.progress_requester().request();
        let batch = tokio::time::timeout(PATIENCE, stream.next()).await;
        let batch = batch.expect("the watch goes on").expect("it does not end");
        for event in batch.expect("it does not fail").events {
            assert_eq!(event.revision(), next, "no gap, no repeat");
            next = next.next();
            let Event::Put { current, .. } = event else {
                panic!("nothing is deleted")
            };
            let value = String::from_utf8_lossy(&current.value).into_owned();
            seen.insert(current.mod_revision.get(), value);
        }
    }
    seen
}

/// Writes and watches while `harm` is done to the cluster, and looks whether everything fits afterwards.
async fn survives(etcd: Etcd, mut harm: impl FnMut(&mut Etcd, &Writer)) {
    let store = support::connect(&etcd).await;
    let start = store.latest_revision().await.expect("etcd answers");
    let watched = KeyRange::prefix("/load/");
    let live = store
        .watch(WatchRequest::new(watched.clone()).after(start))
        .await
        .expect("a watch is granted");
    let writer = Writer::start(store.clone());
    writer.more(AFTERWARDS).await;
    let etcd = Arc::new(Mutex::new(etcd));
    tokio::task::block_in_place(|| harm(&mut etcd.lock(), &writer));
    writer.more(AFTERWARDS).await;
    let written = writer.end().await;

    let end = store.latest_revision().await.expect("etcd answers");
    let seen = follow(live, start, end).await;
    for (revision, value) in written.acknowledged.lock().iter() {
        assert_eq!(seen.get(revision), Some(value), "acknowledged at {revision}");
    }
    for refused in written.refused.lock().iter() {
        assert!(
            !seen.values().any(|value| value == refused),
            "{refused} was said not to be done"
        );
    }
    // A watch that begins afterwards tells the same.
    let again = store
        .watch(WatchRequest::new(watched).after(start))
        .await
        .expect("a watch is granted");
    assert_eq!(follow(again, start, end).await, seen);
    store.health().await.expect("two members are enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_is_lost() {
    survives(three_over_tls(), |etcd, _| {
        let leader = etcd.leader().expect("one leads");
        etcd.kill(leader);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_member_that_is_asked_is_lost_and_another_after_it_is_back() {
    survives(three_over_tls(), |etcd, writer| {
        etcd.kill(0);
        // Whoever wrote to it has found another.
        writer.wait_for_more(AFTERWARDS);
        etcd.restart(0);
        etcd.kill(1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_member_that_is_asked_hangs() {
    survives(three_over_tls(), |etcd, _| etcd.pause(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_are_lost_and_come_back() {
    let mut etcd = three_over_tls();
    let second = Duration::from_secs(1);
    let hasty = Timeouts {
        read_attempt: second,
        write_attempt: 2 * second,
        total: 3 * second,
        ..Timeouts::default()
    };
    let store = EtcdStore::connect(store_etcd::Options {
        timeouts: hasty,
        ..options(&etcd)
    });
    let store = store.await.expect("etcd runs");
    let mut stream = store
        .watch(WatchRequest::new(KeyRange::prefix("/k")))
        .await
        .expect("a watch is granted");
    let put = |value: &'static str| Transaction::new().put("/k".into(), value.into());
    store.commit(put("before")).await.expect("it is taken");
    (0..3).for_each(|index| etcd.kill(index));

    for error in [
        store
            .range(RangeRequest::new(KeyRange::all()))
            .await
            .map(|_| ())
            .expect_err("nobody is there"),
        store
            .latest_revision()
            .await
            .map(|_| ())
            .expect_err("nobody is there"),
        store.health().await.expect_err("nobody is there"),
    ] {
        let StoreError::Unavailable(text) = &error else {
            panic!("{error}")
        };
        assert!(
            etcd.endpoints().iter().any(|endpoint| text.starts_with(endpoint)),
            "{text}"
        );
    }
    let error = store.commit(put("lost")).await.expect_err("nobody is there");
    assert!(
        matches!(error, StoreError::Unavailable(_)),
        "it was never sent: {error}"
    );

    tokio::task::block_in_place(|| etcd.restart_all());
    let after = store.commit(put("after")).await.expect("it is taken again");
    store.health().await.expect("all are there");
    let mut values = Vec::new();
    while values.len() < 2 {
        let batch = tokio::time::timeout(PATIENCE, stream.next())
            .await
            .expect("the watch goes on");
        for event in batch.expect("it does not end").expect("it does not fail").events {
            let Event::Put { current, .. } = event else {
                panic!("nothing is deleted")
            };
            values.push((current.mod_revision, current.value));
        }
    }
    assert_eq!(values[0].1, "before");
    assert_eq!(values[1], (after.committed().expect("it was"), "after".into()));
}
