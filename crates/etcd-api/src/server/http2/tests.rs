//! Connections as a whole: clients that go silent, and requests that meet a defect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_rpc::message::{PutRequest, PutResponse, RangeRequest};
use futures::future::join_all;
use prost::Message;
use store::{
    Key, MemoryStore, Outcome, RangeRequest as StoreRange, RangeResponse, Revision, Snapshot, StateStore,
    StoreError, Transaction, WatchRequest, WatchStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::frames::{DATA, END_HEADERS, END_STREAM, FRAME_HEADER, FrameHeader, HEADERS};
use crate::fuzzing::{call, connect, talk_http2};
use crate::server::serve_connection;
use crate::{EtcdApi, Lessor, Settings};

const PUT: &str = "/etcdserverpb.KV/Put";
const RANGE: &str = "/etcdserverpb.KV/Range";

async fn api(store: impl StateStore) -> Arc<EtcdApi> {
    let store: Arc<dyn StateStore> = Arc::new(store);
    let leases = Lessor::start(store.clone()).await.expect("it works so far");
    let api = EtcdApi::open(store, leases, Settings::default()).await;
    api.expect("it works so far")
}

fn put(key: &'static str) -> Bytes {
    let put = PutRequest {
        key: key.into(),
        ..PutRequest::default()
    };
    let message = put.encode_to_vec();
    let length = u8::try_from(message.len()).expect("short");
    [&[0, 0, 0, 0, length], &message[..]].concat().into()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_left() {
    let api = api(MemoryStore::new()).await;
    let (mut client, server) = tokio::io::duplex(1024);
    let began = Instant::now();
    let serving = tokio::spawn(serve_connection(api, server));
    // A preface and empty settings, and then nothing any more.
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("it is read");
    timeout(Duration::from_secs(600), serving)
        .await
        .expect("left in time")
        .expect("no panic");
    assert_eq!(
        began.elapsed().as_secs(),
        80,
        "a minute of silence, and 20 s to answer"
    );
    // The end is told, or the connection is closed; either ends this.
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.expect("closed in good order");
    let ping = said.windows(5).any(|frame| frame == [0, 0, 8, 6, 0]);
    assert!(ping, "it was asked: {said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_is_kept() {
    let mut client = connect(api(MemoryStore::new()).await).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let (_, status) = call(&mut client, PUT, put("a")).await.expect("answered");
    assert_eq!(status, "0");
}

/// Lets a pipe's end through, so much a second of what comes back.
async fn slowly(near: DuplexStream, far: DuplexStream, bytes: usize) {
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let (mut from_server, mut to_server) = tokio::io::split(far);
    // It ends with what comes back.
    let mut forward = JoinSet::new();
    forward.spawn(async move { drop(tokio::io::copy(&mut from_client, &mut to_server).await) });
    let mut buffer = vec![0; bytes];
    while let Ok(read) = from_server.read(&mut buffer).await
        && read > 0
        && to_client.write_all(&buffer[..read]).await.is_ok()
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_there() {
    let store = MemoryStore::new();
    let value = Bytes::from(vec![7; 100_000]);
    for number in 0..20u8 {
        let put = Transaction::new().put(Key::new([number + 1]), value.clone());
        store.commit(put).await.expect("put");
    }
    let (far, server) = tokio::io::duplex(16 << 10);
    tokio::spawn(serve_connection(api(store).await, server));
    let (client, near) = tokio::io::duplex(16 << 10);
    tokio::spawn(slowly(near, far, 4096));
    let mut client = talk_http2(client).await;
    let began = Instant::now();
    let everything = RangeRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        ..RangeRequest::default()
    };
    let message = everything.encode_to_vec();
    let length = u8::try_from(message.len()).expect("short");
    let body = [&[0, 0, 0, 0, length], &message[..]].concat();
    let (found, status) = call(&mut client, RANGE, body.into()).await.expect("answered");
    assert_eq!(status, "0");
    assert!(found.len() > 2_000_000, "{}", found.len());
    assert!(
        began.elapsed().as_secs() > 400,
        "longer than silence would be borne"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_meets_a_defect_fails_alone() {
    let mut client = connect(api(Defective(MemoryStore::new())).await).await;
    for (key, expected) in [("a", "0"), ("bad", "13"), ("a", "0")] {
        let (_, status) = call(&mut client, PUT, put(key)).await.expect("answered");
        assert_eq!(status, expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn puts_that_come_together_are_answered_each() {
    let client = connect(api(MemoryStore::new()).await).await;
    let puts = [
        ("a", "0"),
        ("", "3"),
        ("b", "0"),
        ("\0pintle.etcd/x", "3"),
        ("a", "0"),
    ];
    let answers = puts.map(|(key, expected)| {
        let mut client = client.clone();
        async move {
            let (message, status) = call(&mut client, PUT, put(key)).await.expect("answered");
            assert_eq!(status, expected, "{key:?}");
            let answer = PutResponse::decode(message.get(5..).unwrap_or_default()).expect("read");
            answer.header.map(|header| header.revision)
        }
    });
    let revisions: Vec<i64> = join_all(answers).await.into_iter().flatten().collect();
    let different: BTreeSet<i64> = revisions.iter().copied().collect();
    assert_eq!((revisions.len(), different.len()), (3, 3), "{revisions:?}");
}

/// A request as a client sends it that names no headers.
fn request(stream: u32, body: &[u8]) -> Vec<u8> {
    let kind = b"application/grpc";
    let path = [&[4, PUT.len() as u8], PUT.as_bytes()].concat();
    let headers = [&[0x83, 0x86], &path[..], &[0x0f, 0x10, kind.len() as u8], kind].concat();
    let frame = |kind, flags, payload: &[u8]| {
        let header = FrameHeader {
            length: payload.len(),
            kind,
            flags,
            stream,
        };
        [&header.bytes(), payload].concat()
    };
    [
        frame(HEADERS, END_HEADERS, &headers),
        frame(DATA, END_STREAM, body),
    ]
    .concat()
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_given_up_is_not_answered() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve_connection(api(MemoryStore::new()).await, server));
    let reset = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08";
    let frames = [GREETING, &request(1, &put("a")), &request(3, &put("b")), reset].concat();
    client.write_all(&frames).await.expect("it is read");
    let (mut said, mut answered) = (Vec::new(), Vec::new());
    while answered.last() != Some(&(3, true)) {
        while let Some(header) = FrameHeader::of(&said)
            && said.len() >= FRAME_HEADER + header.length
        {
            said.drain(..FRAME_HEADER + header.length);
            if matches!(header.kind, HEADERS | DATA) {
                answered.push((header.stream, header.has(END_STREAM)));
            }
        }
        if answered.last() != Some(&(3, true)) {
            let read = client.read_buf(&mut said);
            assert!(
                timeout(Duration::from_secs(60), read)
                    .await
                    .expect("said")
                    .expect("read")
                    > 0
            );
        }
    }
    assert!(answered.iter().all(|(stream, _)| *stream == 3), "{answered:?}");
}

/// What a server says to a client that sends these frames, and then leaves.
async fn said(frames: &[&[u8]]) -> Vec<u8> {
    let (client, server) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(serve_connection(api(MemoryStore::new()).await, server));
    let (mut reading, mut writing) = tokio::io::split(client);
    // A server that has heard enough does not read on.
    let _ = writing.write_all(&frames.concat()).await;
    let _ = writing.shutdown().await;
    let mut said = Vec::new();
    reading
        .read_to_end(&mut said)
        .await
        .expect("closed in good order");
    serving.await.expect("no panic");
    said
}

const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn who_does_not_keep_to_http2_is_told_and_left() {
    // The code, and what is sent behind the greeting.
    let cases: [(u8, &[&[u8]]); 12] = [
        (1, &[b"\0\0\x08\x06\0\0\0\0\x01", b"12345678"]),
        (6, &[b"\0\0\x07\x06\0\0\0\0\0", b"1234567"]),
        (6, &[b"\0\x40\x01\0\0\0\0\0\x01"]),
        (1, &[b"\0\0\x01\0\0\0\0\0\x01", b"x"]),
        (1, &[b"\0\0\x04\x03\0\0\0\0\x01", b"\0\0\0\0"]),
        (1, &[b"\0\0\x04\x08\0\0\0\0\0", b"\0\0\0\0"]),
        (3, &[b"\0\0\x04\x08\0\0\0\0\0", b"\x7f\xff\xff\xff"]),
        (6, &[b"\0\0\x05\x04\0\0\0\0\0", b"12345"]),
        (1, &[b"\0\0\x01\x01\x04\0\0\0\x02", b"\x82"]),
        (9, &[b"\0\0\x01\x01\x04\0\0\0\x01", b"\xff"]),
        (
            1,
            &[b"\0\0\x01\x01\0\0\0\0\x01", b"\x82", b"\0\0\0\x04\x01\0\0\0\0"],
        ),
        (1, &[b"\0\0\0\x09\x04\0\0\0\x01"]),
    ];
    for (code, frames) in cases {
        let said = said(&[&[GREETING], frames].concat()).await;
        let end = &said[said.len() - 17..];
        assert_eq!((end[3], end[16]), (7, code), "{frames:?}: {said:?}");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_left_out() {
    let padded_ping = [
        GREETING,
        b"\0\0\x03\xee\0\0\0\0\x05abc",
        b"\0\0\x08\x06\0\0\0\0\x0012345678",
    ];
    let said = said(&padded_ping).await;
    let answer = b"\0\0\x08\x06\x01\0\0\0\x0012345678";
    assert!(said.ends_with(answer), "{said:?}");
}

/// A store that does not expect a certain key.
struct Defective(MemoryStore);

#[async_trait]
impl StateStore for Defective {
    fn current_revision(&self) -> Revision {
        self.0.current_revision()
    }

    fn compacted_revision(&self) -> Revision {
        self.0.compacted_revision()
    }

    async fn range(&self, request: StoreRange) -> Result<RangeResponse, StoreError> {
        self.0.range(request).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        let is_bad = |operation: &store::Operation| operation.key().as_bytes() == b"bad";
        assert!(
            !transaction.operations.iter().any(is_bad),
            "the defect of this test"
        );
        self.0.commit(transaction).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.0.watch(request).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.0.compact(revision).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.0.snapshot().await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.0.health().await
    }
}
