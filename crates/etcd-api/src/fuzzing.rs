//! Entrance for fuzzers: whatever clients send, they are answered, and what they may not touch stays as it was.
//!
//! An input is a script: requests one after the other, to one API over the in-memory model. Time stands still unless everybody
//! waits for it, so that a request that is never answered is found at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use etcd_rpc::message::*;
use futures::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use store::{KeyRange, MemoryStore, RangeRequest as StoreRange, StateStore};

use crate::keyspace;
use crate::server::Routes;
use crate::{EtcdApi, Lessor, Settings};

/// What can be called.
const METHODS: [&str; 24] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.KV/Put",
    "/etcdserverpb.KV/DeleteRange",
    "/etcdserverpb.KV/Txn",
    "/etcdserverpb.KV/Compact",
    "/etcdserverpb.Watch/Watch",
    "/etcdserverpb.Lease/LeaseGrant",
    "/etcdserverpb.Lease/LeaseRevoke",
    "/etcdserverpb.Lease/LeaseKeepAlive",
    "/etcdserverpb.Lease/LeaseTimeToLive",
    "/etcdserverpb.Lease/LeaseLeases",
    "/etcdserverpb.Cluster/MemberAdd",
    "/etcdserverpb.Cluster/MemberRemove",
    "/etcdserverpb.Cluster/MemberUpdate",
    "/etcdserverpb.Cluster/MemberList",
    "/etcdserverpb.Cluster/MemberPromote",
    "/etcdserverpb.Maintenance/Alarm",
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Maintenance/Defragment",
    "/etcdserverpb.Maintenance/Hash",
    "/etcdserverpb.Maintenance/HashKV",
    "/etcdserverpb.Maintenance/Snapshot",
    "/etcdserverpb.Maintenance/MoveLeader",
    "/etcdserverpb.Auth/Authenticate",
];

/// In the first byte of a step: the message belongs to the same stream as the one before.
const SAME_STREAM: u8 = 0x80;
/// In the first byte of a step: the bytes are a body as it is, without gRPC's frame.
const RAW: u8 = 0x40;
/// So many steps of a script are taken.
const MAX_STEPS: usize = 64;
/// Longer than any lease that a script may wait for.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Sends what the bytes say: for each step a method, a length of two bytes, and so many bytes of a message.
pub fn requests(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime can be made")
        .block_on(play(calls(data)));
}

/// A method and the body of a request.
type Call = (&'static str, Bytes);

fn calls(mut data: &[u8]) -> Vec<Call> {
    let mut calls: Vec<(&'static str, BytesMut)> = Vec::new();
    for _ in 0..MAX_STEPS {
        let [what, low, high, rest @ ..] = data else { break };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (message, behind) = rest.split_at(length);
        data = behind;
        let method = METHODS[usize::from(what & !(SAME_STREAM | RAW)) % METHODS.len()];
        if what & SAME_STREAM == 0 || calls.is_empty() {
            calls.push((method, BytesMut::new()));
        }
        let Some((_, body)) = calls.last_mut() else { break };
        if what & RAW == 0 {
            body.put_u8(0);
            body.put_u32(u32::from(u16::try_from(length).unwrap_or(u16::MAX)));
        }
        body.extend_from_slice(message);
    }
    calls
        .into_iter()
        .map(|(method, body)| (method, body.freeze()))
        .collect()
}

async fn play(calls: Vec<Call>) {
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    let leases = Lessor::start(store.clone()).await.expect("a model does not fail");
    let api = EtcdApi::open(store.clone(), leases, Settings::default()).await;
    let routes = Routes::new(api.expect("a model does not fail"));
    let identity = store.get(&keyspace::identity(), None).await;
    for (method, body) in calls {
        let request = http::Request::post(method)
            .version(http::Version::HTTP_2)
            .header(http::header::CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .body(slowly(body))
            .expect("the parts are good");
        let answered = async { routes.answer(request).await.into_body().collect().await };
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        // That a stream ends with an error is an answer too.
        let _ = answer.unwrap_or_else(|_| panic!("{method} is never answered"));
    }
    let now = store.get(&keyspace::identity(), None).await;
    assert_eq!(identity.ok(), now.ok(), "who the member is does not change");
    check_leases(&*store).await;
}

/// The client sends everything at once, and ends its side a while later: what is watched is told meanwhile.
fn slowly(body: Bytes) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static {
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Bytes::new()
    });
    let parts = stream::iter([body]).chain(end);
    StreamBody::new(parts.map(|part| Ok(Frame::data(part))))
}

/// The own keys of the API are whole: each is a lease or an attachment.
async fn check_leases(store: &dyn StateStore) {
    let all = StoreRange::new(KeyRange::all());
    let held = store.range(all).await.expect("a model does not fail").key_values;
    for own in held.iter().filter(|held| keyspace::is_own(&held.key)) {
        let is_known = keyspace::lease_id(&own.key).is_some()
            || keyspace::attached(&own.key).is_some()
            || own.key == keyspace::identity();
        assert!(is_known, "a client has written {:?}", own.key);
    }
}

/// Scripts to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let every_method = (0..METHODS.len()).map(|number| step(number as u8, &[]));
    let mut seeds: Vec<Vec<u8>> = every_method.collect();
    seeds.extend([
        [
            put("a", "1", 0),
            put("b", "2", 0),
            range("a", "c"),
            delete("a", "c"),
        ]
        .concat(),
        [
            step(6, &LeaseGrantRequest { id: 7, ttl: 60 }.encode_to_vec()),
            put("a", "1", 7),
            step(9, &LeaseTimeToLiveRequest { id: 7, keys: true }.encode_to_vec()),
            step(8, &LeaseKeepAliveRequest { id: 7 }.encode_to_vec()),
            step(7, &LeaseRevokeRequest { id: 7 }.encode_to_vec()),
        ]
        .concat(),
        [put("a", "1", 0), transaction(), transaction()].concat(),
        [put("a", "1", 0), watch(), put("b", "1", 0)].concat(),
        [
            put("a", "1", 0),
            put("a", "2", 0),
            step(
                4,
                &CompactionRequest {
                    revision: 2,
                    physical: true,
                }
                .encode_to_vec(),
            ),
            step(20, &[]),
            step(21, &[]),
        ]
        .concat(),
        step(RAW, &[1, 0, 0, 0, 4, 1, 2, 3, 4]),
        step(RAW, &[0, 255, 255, 255, 255, 0]),
    ]);
    seeds
}

fn step(what: u8, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_le_bytes();
    [&[what], &length[..], message].concat()
}

fn put(key: &str, value: &str, lease: i64) -> Vec<u8> {
    let put = PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        lease,
        prev_kv: true,
        ..PutRequest::default()
    };
    step(1, &put.encode_to_vec())
}

fn range(key: &str, end: &str) -> Vec<u8> {
    let range = RangeRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        range_end: Bytes::copy_from_slice(end.as_bytes()),
        limit: 1,
        ..RangeRequest::default()
    };
    step(0, &range.encode_to_vec())
}

fn delete(key: &str, end: &str) -> Vec<u8> {
    let delete = DeleteRangeRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        range_end: Bytes::copy_from_slice(end.as_bytes()),
        prev_kv: true,
    };
    step(2, &delete.encode_to_vec())
}

/// A transaction within another, both with comparisons of a range.
fn transaction() -> Vec<u8> {
    let key = Bytes::from_static(b"a");
    let mut compare = Compare::version_is(key.clone(), 1);
    compare.range_end = Bytes::from_static(b"c");
    let put = Request::Put(PutRequest {
        key: Bytes::from_static(b"b"),
        ..PutRequest::default()
    });
    let inner = TxnRequest {
        compare: vec![compare.clone()],
        success: vec![put.into()],
        failure: vec![
            Request::DeleteRange(DeleteRangeRequest {
                key: key.clone(),
                ..DeleteRangeRequest::default()
            })
            .into(),
        ],
    };
    let read = Request::Range(RangeRequest {
        key,
        ..RangeRequest::default()
    });
    let outer = TxnRequest {
        compare: vec![compare],
        success: vec![read.clone().into(), Request::Txn(inner).into()],
        failure: vec![read.into()],
    };
    step(3, &outer.encode_to_vec())
}

/// A watch of everything that is begun, asked how far it is, and ended.
fn watch() -> Vec<u8> {
    let zero = Bytes::from_static(b"\0");
    let create = WatchCreateRequest {
        key: zero.clone(),
        range_end: zero,
        start_revision: 1,
        prev_kv: true,
        fragment: true,
        ..WatchCreateRequest::default()
    };
    let requests = [
        WatchRequestUnion::Create(create),
        WatchRequestUnion::Progress(WatchProgressRequest {}),
        WatchRequestUnion::Cancel(WatchCancelRequest { watch_id: 0 }),
    ];
    let mut script = Vec::new();
    for (number, request) in requests.into_iter().enumerate() {
        let request = WatchRequest {
            request: Some(request),
        };
        let what = if number == 0 { 5 } else { 5 | SAME_STREAM };
        script.extend(step(what, &request.encode_to_vec()));
    }
    script
}

#[cfg(test)]
mod tests {
    use store::dice::Dice;

    use super::*;

    #[test]
    fn seeds_and_their_neighbours_do_no_harm() {
        let mut dice = Dice::new(1);
        for seed in seeds() {
            requests(&seed);
            for _ in 0..20 {
                requests(&dice.tampered(&seed));
            }
        }
    }
}
