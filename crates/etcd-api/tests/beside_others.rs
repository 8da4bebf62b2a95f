//! Transactions while somebody else writes to the same store, as an API server in the same process does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use etcd_api::{EtcdApi, Lessor, Settings};
use etcd_rpc::message::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, PutRequest, RangeRequest,
    Request as Operation, Response as Done, TargetUnion, TxnRequest, TxnResponse,
};
use etcd_rpc::server::Kv;
use parking_lot::Mutex;
use store::{
    KeyRange, MemoryStore, Outcome, RangeRequest as StoreRange, RangeResponse, Revision, Snapshot,
    StateStore, StoreError, Transaction, WatchRequest, WatchStream,
};
use tonic::Request;

/// A store in which somebody writes between what a transaction has read and what it commits.
#[derive(Default)]
struct Disturbed {
    below: MemoryStore,
    /// What the other does, once each.
    disturbances: Mutex<Vec<Transaction>>,
    commits: AtomicUsize,
}

#[async_trait]
impl StateStore for Disturbed {
    fn current_revision(&self) -> Revision {
        self.below.current_revision()
    }

    fn compacted_revision(&self) -> Revision {
        self.below.compacted_revision()
    }

    async fn range(&self, request: StoreRange) -> Result<RangeResponse, StoreError> {
        self.below.range(request).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        let disturbance = self.disturbances.lock().pop();
        if let Some(disturbance) = disturbance {
            self.below.commit(disturbance).await?;
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.below.commit(transaction).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.below.watch(request).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.below.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.below.snapshot().await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.below.health().await
    }
}

async fn beside(keys: &[&str]) -> (Arc<Disturbed>, Arc<EtcdApi>) {
    let store = Arc::new(Disturbed::default());
    let leases = Lessor::start(store.clone()).await.expect("readable");
    let api = EtcdApi::open(store.clone(), leases, Settings::default()).await;
    for key in keys {
        write(&store, put(key)).await;
    }
    (store, api.expect("readable"))
}

fn put(key: &str) -> Transaction {
    Transaction::new().put(key.into(), "x".into())
}

async fn write(store: &Disturbed, transaction: Transaction) {
    store.below.commit(transaction).await.expect("the model writes");
}

async fn keys(store: &Disturbed, prefix: &str) -> Vec<String> {
    let held = store.range(StoreRange::new(KeyRange::prefix(prefix))).await;
    let keys = held.expect("readable").key_values.into_iter();
    keys.map(|held| held.key.to_string()).collect()
}

/// "There is no key in the range `r/`."
fn is_empty() -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: Bytes::from_static(b"r/"),
        target_union: Some(TargetUnion::CreateRevision(0)),
        range_end: Bytes::from_static(b"r0"),
    }
}

fn put_within(key: &'static str) -> Operation {
    Operation::Put(PutRequest {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(b"mine"),
        ..PutRequest::default()
    })
}

fn read() -> Operation {
    Operation::Range(RangeRequest {
        key: Bytes::from_static(b"r/"),
        range_end: Bytes::from_static(b"r0"),
        ..RangeRequest::default()
    })
}

async fn transact(api: &EtcdApi, compare: Vec<Compare>, success: Vec<Operation>) -> TxnResponse {
    let request = TxnRequest {
        compare,
        success: success.into_iter().map(Into::into).collect(),
        failure: Vec::new(),
    };
    let answer = api.txn(Request::new(request)).await;
    answer.expect("answered").into_inner()
}

#[tokio::test]
async fn what_comes_into_a_range_is_deleted_with_it() {
    let (store, api) = beside(&["r/a", "s"]).await;
    store.disturbances.lock().push(put("r/b"));
    let delete = DeleteRangeRequest {
        key: Bytes::from_static(b"r/"),
        range_end: Bytes::from_static(b"r0"),
        ..DeleteRangeRequest::default()
    };
    let answer = api.delete_range(Request::new(delete)).await;
    assert_eq!(answer.expect("answered").into_inner().deleted, 2);
    assert!(keys(&store, "r/").await.is_empty());
    assert_eq!(keys(&store, "s").await, ["s"]);
}

#[tokio::test]
async fn a_range_that_fills_is_not_taken_for_empty() {
    let (store, api) = beside(&[]).await;
    store.disturbances.lock().push(put("r/theirs"));
    let answer = transact(&api, vec![is_empty()], vec![put_within("r/mine")]).await;
    assert!(!answer.succeeded);
    assert_eq!(keys(&store, "r/").await, ["r/theirs"]);
}

#[tokio::test]
async fn what_a_transaction_reads_is_what_it_writes_upon() {
    let (store, api) = beside(&["r/a", "r/b"]).await;
    let changes = [put("r/c"), Transaction::new().delete("r/a".into())];
    store.disturbances.lock().extend(changes);
    let answer = transact(&api, Vec::new(), vec![read(), put_within("copied")]).await;
    let Some(Done::Range(found)) = answer.responses[0].response.clone() else {
        panic!("it was a range");
    };
    let found: Vec<_> = found.kvs.into_iter().map(|held| held.key).collect();
    assert_eq!(found, ["r/b", "r/c"]);
}

#[tokio::test]
async fn what_changes_elsewhere_disturbs_nobody() {
    let (store, api) = beside(&["r/a"]).await;
    store.commits.store(0, Ordering::Relaxed);
    store.disturbances.lock().push(put("elsewhere"));
    transact(&api, Vec::new(), vec![read(), put_within("copied")]).await;
    assert_eq!(store.commits.load(Ordering::Relaxed), 1);
}

/// Everybody puts a key where there is none yet: etcd's clients under a condition of the range, the API server's writes by the
/// means of the store. One gets in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_both_kinds_gets_in() {
    for round in 0..50 {
        let (store, api) = beside(&[]).await;
        let clients = (0..4).map(|number| {
            let api = api.clone();
            let name: &'static str = ["r/c0", "r/c1", "r/c2", "r/c3"][number];
            tokio::spawn(async move {
                transact(&api, vec![is_empty()], vec![put_within(name)])
                    .await
                    .succeeded
            })
        });
        let servers = (0..4).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let since = store.current_revision();
                if !keys(&store, "r/").await.is_empty() {
                    return false;
                }
                let own = put(&format!("r/s{number}")).require_quiet(KeyRange::prefix("r/"), since);
                store.commit(own).await.expect("answered").committed().is_some()
            })
        });
        let mut got_in = 0;
        for done in clients.chain(servers).collect::<Vec<_>>() {
            got_in += usize::from(done.await.expect("no panic"));
        }
        assert_eq!(got_in, 1, "round {round}");
        assert_eq!(keys(&store, "r/").await.len(), 1);
    }
}
