//! Entrance for fuzzers: whatever clients send, they are answered, and what they may not touch stays as it was.
//!
//! An input is a script: requests one after the other, on one connection to an API over the in-memory model. Time stands still
//! unless everybody waits for it, so that a request that is never answered is found at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use etcd_rpc::message::*;
use h2::client::SendRequest;
use prost::Message;
use store::{KeyRange, MemoryStore, RangeRequest as StoreRange, StateStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::keyspace;
use crate::server::serve_connection;
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
/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So much is under way on a connection.
const PIPE: usize = 64 << 10;
/// A client takes so much before it has to say more.
const WINDOW: u32 = 16 << 20;
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

/// Sends the bytes as they are, in pieces, behind what every HTTP/2 client says first. The first byte is how large the pieces are;
/// the connection ends when the client leaves, whatever it has sent.
pub fn connection(data: &[u8]) {
    let Some((piece, bytes)) = data.split_first() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let talk = talk(usize::from(*piece).max(1) * 8, bytes);
    runtime.expect("a runtime can be made").block_on(talk);
}

async fn talk(piece: usize, bytes: &[u8]) {
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    let leases = Lessor::start(store.clone()).await.expect("a model does not fail");
    let api = EtcdApi::open(store.clone(), leases, Settings::default()).await;
    let (client, server) = tokio::io::duplex(piece);
    let serving = tokio::spawn(serve_connection(api.expect("a model does not fail"), server));
    let (mut reading, mut writing) = tokio::io::split(client);
    let reading = tokio::spawn(async move {
        let mut said = Vec::new();
        // A server that ends early is heard to the end all the same.
        let _ = reading.read_to_end(&mut said).await;
        said
    });
    let _ = writing.write_all(PREFACE).await;
    let _ = writing.write_all(bytes).await;
    let _ = writing.shutdown().await;
    let ended = tokio::time::timeout(PATIENCE, serving).await;
    ended.expect("the connection ends").expect("no panic");
    drop(writing);
    whole_frames(&reading.await.expect("no panic"));
    check_leases(&*store).await;
}

/// What the server says is frames, one after the other; the last may be cut off.
fn whole_frames(mut said: &[u8]) {
    while let Some([a, b, c, kind, ..]) = said.first_chunk::<9>() {
        assert!(*kind <= 9, "a frame of a kind that there is not: {kind}");
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        assert!(length <= 16 << 10, "a frame larger than anybody takes");
        said = said.get(9 + length..).unwrap_or_default();
    }
}

/// Connections to begin with: requests as clients write them, and what is no request.
pub fn connection_seeds() -> Vec<Vec<u8>> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u16::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let text = |text: &[u8]| [&[u8::try_from(text.len()).unwrap_or_default()], text].concat();
    let block = |path: &str| {
        let parts = [
            vec![0x83, 0x86, 0x44],
            text(path.as_bytes()),
            vec![0x5f],
            text(b"application/grpc"),
        ];
        parts.concat()
    };
    let message = |script: Vec<u8>| [&[0, 0, 0, 0, script[1]], &script[3..]].concat();
    let settings = frame(4, 0, 0, &[0, 4, 0, 0, 0, 9]);
    let mut seeds = Vec::new();
    for (path, body) in [
        ("/etcdserverpb.KV/Put", message(put("a", "1", 0))),
        ("/etcdserverpb.KV/Range", message(range("a", ""))),
        ("/etcdserverpb.KV/Txn", message(transaction())),
        ("/etcdserverpb.KV/DeleteRange", message(delete("a", "b"))),
        ("/etcdserverpb.Watch/Watch", message(watch())),
    ] {
        let halves = body.split_at(body.len() / 2);
        let parts = [
            vec![1],
            settings.clone(),
            frame(1, 4, 1, &block(path)),
            frame(0, 0, 1, halves.0),
            frame(8, 0, 1, &[0, 0, 0, 99]),
            frame(0, 1, 1, halves.1),
            // The same again, by the places in the table of headers.
            frame(1, 4, 3, &[0x83, 0x86, 0xbf, 0xbe]),
            frame(0, 1, 3, &body),
            frame(1, 0, 5, &[0x83, 0x86]),
            frame(9, 4, 5, &[0xbf, 0xbe]),
            frame(3, 0, 5, &[0, 0, 0, 8]),
            frame(6, 0, 0, b"12345678"),
            frame(7, 0, 0, &[0; 8]),
        ];
        seeds.push(parts.concat());
    }
    let document = [vec![0x82, 0x86, 0x44], text(b"/version")].concat();
    seeds.push([vec![9], settings.clone(), frame(1, 5, 1, &document)].concat());
    seeds.push([vec![9], frame(6, 0, 0, b"12345678")].concat());
    seeds
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
    let mut client = connect(api.expect("a model does not fail")).await;
    let identity = store.get(&keyspace::identity(), None).await;
    for (method, body) in calls {
        let answer = tokio::time::timeout(PATIENCE, call(&mut client, method, body)).await;
        // That a stream ends with an error is an answer too.
        let _ = answer.unwrap_or_else(|_| panic!("{method} is never answered"));
    }
    let now = store.get(&keyspace::identity(), None).await;
    assert_eq!(identity.ok(), now.ok(), "who the member is does not change");
    check_leases(&*store).await;
}

/// A connection to an API.
pub(crate) async fn connect(api: Arc<EtcdApi>) -> SendRequest<Bytes> {
    let (client, server) = tokio::io::duplex(PIPE);
    tokio::spawn(serve_connection(api, server));
    talk_http2(client).await
}

/// A client of a server behind a stream.
pub(crate) async fn talk_http2(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> SendRequest<Bytes> {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let (client, connection) = builder.handshake(stream).await.expect("the server speaks HTTP/2");
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// The answers to a call, and its status. The client sends everything at once, and ends its side a while later: what is watched
/// is told meanwhile.
pub(crate) async fn call(
    client: &mut SendRequest<Bytes>,
    method: &str,
    body: Bytes,
) -> Result<(Bytes, String), h2::Error> {
    let request = http::Request::post(format!("http://etcd{method}"))
        .version(http::Version::HTTP_2)
        .header(http::header::CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("the parts are good");
    std::future::poll_fn(|cx| client.poll_ready(cx)).await?;
    let (answered, mut sending) = client.send_request(request, false)?;
    sending.send_data(body, false)?;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Whoever has answered already may not be interested.
        let _ = sending.send_data(Bytes::new(), true);
    });
    let (head, mut body) = answered.await?.into_parts();
    let mut messages = BytesMut::new();
    while let Some(data) = body.data().await.transpose()? {
        body.flow_control().release_capacity(data.len())?;
        messages.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?.unwrap_or(head.headers);
    let status = trailers.get("grpc-status").map(|status| status.as_bytes());
    let status = String::from_utf8_lossy(status.unwrap_or_default()).into_owned();
    Ok((messages.freeze(), status))
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
        [
            put("a", "1", 0),
            range("a", ""),
            // Not a message, one that ends too early, one that is larger than it says.
            step(1, &[0xff]),
            step(1 | RAW, &[0, 0, 0, 0, 9, 1]),
            step(3 | RAW, &[0, 0, 0, 0, 0, 1]),
            step(RAW, &[]),
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
    fn connections_end_whatever_is_sent() {
        let mut dice = Dice::new(2);
        for seed in connection_seeds() {
            connection(&seed);
            for _ in 0..50 {
                connection(&dice.tampered(&seed));
            }
        }
    }

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
