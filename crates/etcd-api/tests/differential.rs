//! The same requests to a real etcd and to our API: the answers are the same, but for the numbers of cluster and member.

mod common;

use std::sync::Arc;

use common::{Ours, RealEtcd, SOON};
use etcd_rpc::MessageLimits;
use etcd_rpc::client::{KvClient, LeaseClient, WatchClient};
use etcd_rpc::message::*;
use futures::{StreamExt, stream};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use store::{MemoryStore, StateStore};
use store_embedded::{EmbeddedStore, Options};
use tonic::transport::{Channel, Endpoint};

/// A script has so many requests.
const REQUESTS: usize = 400;

async fn connect(endpoint: &str) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).expect("a URL");
    endpoint.connect().await.expect("it serves")
}

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    Range(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
}

fn key() -> impl Strategy<Value = bytes::Bytes> {
    prop_oneof![
        20 => (0..8u8).prop_map(|number| format!("k{number}").into()),
        1 => Just(bytes::Bytes::new()),
    ]
}

fn end() -> impl Strategy<Value = bytes::Bytes> {
    prop_oneof![
        4 => Just(bytes::Bytes::new()),
        2 => (0..9u8).prop_map(|number| format!("k{number}").into()),
        1 => Just("l".into()),
        1 => Just(bytes::Bytes::from_static(b"\0")),
    ]
}

fn value() -> impl Strategy<Value = bytes::Bytes> {
    (0..4u8).prop_map(|number| format!("value {number}").into())
}

/// A revision that may be current, past, or yet to come.
fn at() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 4 => 1..200i64]
}

prop_compose! {
    fn range()(
        key in key(),
        range_end in end(),
        limit in prop_oneof![3 => Just(0), 1 => 1..4i64],
        revision in at(),
        sort_order in 0..3i32,
        sort_target in 0..5i32,
        flags in (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
        bounds in prop::option::weighted(0.2, (0..40i64, 0..60i64, 0..40i64, 0..60i64)),
    ) -> RangeRequest {
        let bounds = bounds.unwrap_or_default();
        RangeRequest {
            key,
            range_end,
            limit,
            revision,
            sort_order,
            sort_target,
            serializable: flags.0,
            keys_only: flags.1,
            count_only: flags.2,
            min_mod_revision: bounds.0,
            max_mod_revision: bounds.1,
            min_create_revision: bounds.2,
            max_create_revision: bounds.3,
        }
    }
}

prop_compose! {
    fn put()(
        key in key(),
        value in value(),
        prev_kv in any::<bool>(),
        flags in (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
        lease in prop_oneof![6 => Just(0), 2 => Just(7), 1 => Just(99)],
    ) -> PutRequest {
        // Half of those that keep the value give one nevertheless, which is refused.
        let value = if flags.0 && !flags.2 { bytes::Bytes::new() } else { value };
        let lease = if flags.1 && !flags.2 { 0 } else { lease };
        PutRequest { key, value, lease, prev_kv, ignore_value: flags.0, ignore_lease: flags.1 }
    }
}

prop_compose! {
    fn delete()(key in key(), range_end in end(), prev_kv in any::<bool>()) -> DeleteRangeRequest {
        DeleteRangeRequest { key, range_end, prev_kv }
    }
}

prop_compose! {
    fn compare()(
        key in key(),
        range_end in prop_oneof![3 => Just(bytes::Bytes::new()), 1 => end()],
        result in 0..4i32,
        target in prop_oneof![
            (0..4i64).prop_map(TargetUnion::Version),
            (0..40i64).prop_map(TargetUnion::CreateRevision),
            (0..60i64).prop_map(TargetUnion::ModRevision),
            value().prop_map(TargetUnion::Value),
            prop_oneof![Just(0), Just(7)].prop_map(TargetUnion::Lease),
        ],
    ) -> Compare {
        let kind = match target {
            TargetUnion::Version(_) => CompareTarget::Version,
            TargetUnion::CreateRevision(_) => CompareTarget::Create,
            TargetUnion::ModRevision(_) => CompareTarget::Mod,
            TargetUnion::Value(_) => CompareTarget::Value,
            TargetUnion::Lease(_) => CompareTarget::Lease,
        };
        Compare { result, target: kind.into(), key, target_union: Some(target), range_end }
    }
}

/// etcd overlooks that a key is put and deleted by one transaction if the deletion has no end; ours refuses it.
fn closed(mut delete: DeleteRangeRequest) -> DeleteRangeRequest {
    if &delete.range_end[..] == b"\0" {
        delete.range_end = "l".into();
    }
    delete
}

/// It overlooks that too between two transactions within one.
fn one_within(mut operations: Vec<RequestOp>) -> Vec<RequestOp> {
    let mut seen = false;
    operations.retain(|operation| {
        let is_within = matches!(operation.request, Some(Request::Txn(_)));
        !is_within || !std::mem::replace(&mut seen, true)
    });
    operations
}

fn operation(depth: u32) -> BoxedStrategy<RequestOp> {
    let leaf = prop_oneof![
        3 => range().prop_map(|range| Request::Range(range).into()),
        3 => put().prop_map(|put| Request::Put(put).into()),
        2 => delete().prop_map(|delete| Request::DeleteRange(closed(delete)).into()),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    prop_oneof![6 => leaf, 1 => txn(depth - 1).prop_map(|txn| Request::Txn(txn).into())].boxed()
}

fn txn(depth: u32) -> BoxedStrategy<TxnRequest> {
    let operations = move || prop::collection::vec(operation(depth), 0..4).prop_map(one_within);
    (prop::collection::vec(compare(), 0..3), operations(), operations())
        .prop_map(|(compare, success, failure)| TxnRequest {
            compare,
            success,
            failure,
        })
        .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => range().prop_map(Step::Range),
        6 => put().prop_map(Step::Put),
        3 => delete().prop_map(Step::Delete),
        6 => txn(2).prop_map(Step::Txn),
        1 => (1..120i64).prop_map(|revision| Step::Compact(CompactionRequest { revision, physical: true })),
    ]
}

/// The script of a number.
fn script(seed: u8) -> Vec<Step> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = prop::collection::vec(step(), REQUESTS);
    steps.new_tree(&mut runner).expect("no filters").current()
}

/// What a server answers, without the numbers that are its own.
async fn answer(kv: &mut KvClient<Channel>, step: &Step) -> String {
    fn text<A: std::fmt::Debug>(
        answer: Result<tonic::Response<A>, tonic::Status>,
        strip: impl FnOnce(&mut A),
    ) -> String {
        match answer {
            Ok(answer) => {
                let mut answer = answer.into_inner();
                strip(&mut answer);
                format!("{answer:#?}")
            }
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        }
    }
    match step.clone() {
        Step::Range(request) => text(kv.range(request).await, |answer| bare(&mut answer.header)),
        Step::Put(request) => text(kv.put(request).await, |answer| bare(&mut answer.header)),
        Step::Delete(request) => text(kv.delete_range(request).await, |answer| bare(&mut answer.header)),
        Step::Txn(request) => text(kv.txn(request).await, bare_txn),
        Step::Compact(request) => text(kv.compact(request).await, |answer| bare(&mut answer.header)),
    }
}

fn bare(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        (header.cluster_id, header.member_id, header.raft_term) = (0, 0, 0);
    }
}

/// Within a transaction etcd's headers say little, and not the same in all versions.
fn bare_txn(answer: &mut TxnResponse) {
    bare(&mut answer.header);
    for operation in &mut answer.responses {
        match &mut operation.response {
            Some(Response::Range(range)) => range.header = None,
            Some(Response::Put(put)) => put.header = None,
            Some(Response::DeleteRange(delete)) => delete.header = None,
            Some(Response::Txn(inner)) => {
                bare_txn(inner);
                inner.header = None;
            }
            None => {}
        }
    }
}

/// All events from the first on that is held, of everything.
async fn events(channel: &Channel, from: i64, until: i64) -> Vec<Event> {
    let mut watches = WatchClient::new(channel.clone(), MessageLimits::CLIENT);
    let create = WatchCreateRequest {
        key: "a".into(),
        range_end: "z".into(),
        start_revision: from,
        prev_kv: true,
        ..WatchCreateRequest::default()
    };
    let requests = stream::iter([WatchRequestUnion::Create(create).into()]).chain(stream::pending());
    let mut answers = watches.watch(requests).await.expect("watched").into_inner();
    let mut all: Vec<Event> = Vec::new();
    let last = |all: &[Event]| all.last().and_then(|event| Some(event.kv.as_ref()?.mod_revision));
    while last(&all) != Some(until) {
        let answer = tokio::time::timeout(SOON, answers.next()).await;
        let answer = answer.expect("soon").expect("it goes on").expect("no error");
        assert!(!answer.canceled, "{answer:?}");
        all.extend(answer.events);
    }
    // Within a revision etcd tells in the order of the operations, ours in that of the keys.
    all.sort_by_key(|event| {
        let kv = event.kv.clone().unwrap_or_default();
        (kv.mod_revision, kv.key)
    });
    all
}

async fn same_as_etcd(store: Arc<dyn StateStore>, seed: u8) {
    let real = RealEtcd::start().await;
    let ours = Ours::start(store).await;
    let channels = [
        connect(&real.endpoint).await,
        connect(&format!("http://{}", ours.address)).await,
    ];
    let mut kvs = Vec::new();
    for channel in &channels {
        kvs.push(KvClient::new(channel.clone(), MessageLimits::CLIENT));
        // Ours writes the lease down in a revision, so both start with one that says nothing.
        let mut leases = LeaseClient::new(channel.clone(), MessageLimits::CLIENT);
        leases
            .lease_grant(LeaseGrantRequest { ttl: 3000, id: 7 })
            .await
            .expect("granted");
    }
    let filler = Step::Put(PutRequest {
        key: "filler".into(),
        ..PutRequest::default()
    });
    answer(&mut kvs[0], &filler).await;
    let (mut compacted, mut written) = (0, 0);
    for (number, step) in script(seed).iter().enumerate() {
        let expected = answer(&mut kvs[0], step).await;
        let found = answer(&mut kvs[1], step).await;
        // The filler stands where only one of them has a key.
        assert_eq!(found, expected, "script {seed}, step {number}: {step:#?}");
        if let Step::Compact(request) = step
            && expected.starts_with("HeaderOnly")
        {
            compacted = request.revision;
        }
        written += usize::from(expected.contains("deleted"));
    }
    assert!(written > 0 && compacted > 0, "the script does something");
    let last = PutRequest {
        key: "last".into(),
        ..PutRequest::default()
    };
    let mut until = 0;
    for kv in &mut kvs {
        let answer = kv.put(last.clone()).await.expect("put").into_inner();
        until = answer.header.expect("a header").revision;
    }
    // What was before the compacted revision is not known to one or the other.
    let expected = events(&channels[0], compacted + 1, until).await;
    let found = events(&channels[1], compacted + 1, until).await;
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_model() {
    for seed in 1..4 {
        same_as_etcd(Arc::new(MemoryStore::new()), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_embedded_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path(), Options::default()).expect("opened");
    same_as_etcd(Arc::new(store), 9).await;
}
