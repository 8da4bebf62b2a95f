//! The stubs and the servers understand each other.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_rpc::MessageLimits;
use etcd_rpc::client::{KvClient, MaintenanceClient, WatchClient};
use etcd_rpc::message::*;
use etcd_rpc::server::{Answers, Kv, KvServer, Maintenance, MaintenanceServer, Watch, WatchServer};
use futures::{StreamExt, stream};
use tonic::{Code, Request, Response, Status, Streaming};

/// Answers with what it was asked.
struct Echo;

#[async_trait]
impl Kv for Echo {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        let prev_kv = Some(KeyValue {
            key: request.key,
            value: request.value,
            ..KeyValue::default()
        });
        Ok(Response::new(PutResponse {
            header: None,
            prev_kv,
        }))
    }
}

#[async_trait]
impl Watch for Echo {
    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Answers<WatchResponse>>, Status> {
        let answers = request.into_inner().map(|request| {
            let Some(WatchRequestUnion::Create(create)) = request?.request else {
                return Err(Status::invalid_argument("not a create request"));
            };
            Ok(WatchResponse {
                watch_id: create.watch_id,
                created: true,
                ..WatchResponse::default()
            })
        });
        Ok(Response::new(answers.boxed()))
    }
}

#[async_trait]
impl Maintenance for Echo {
    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Answers<SnapshotResponse>>, Status> {
        let pieces = (0..3).rev().map(|remaining_bytes| {
            Ok(SnapshotResponse {
                remaining_bytes,
                ..SnapshotResponse::default()
            })
        });
        Ok(Response::new(stream::iter(pieces).boxed()))
    }
}

fn put(size: usize) -> PutRequest {
    PutRequest {
        key: Bytes::from_static(b"k"),
        value: vec![7; size].into(),
        ..PutRequest::default()
    }
}

#[tokio::test]
async fn one_request_one_answer() {
    let mut client = KvClient::new(
        KvServer::new(Arc::new(Echo), MessageLimits::SERVER),
        MessageLimits::CLIENT,
    );
    let answer = client.put(put(1000)).await.expect("it is answered").into_inner();
    assert_eq!(answer.prev_kv.expect("it echoes").value.len(), 1000);
}

#[tokio::test]
async fn what_is_not_written_is_not_implemented() {
    let mut client = KvClient::new(
        KvServer::new(Arc::new(Echo), MessageLimits::SERVER),
        MessageLimits::CLIENT,
    );
    let error = client
        .range(RangeRequest::default())
        .await
        .expect_err("Echo has no Range");
    assert_eq!(
        (error.code(), error.message()),
        (
            Code::Unimplemented,
            "unknown method Range for service etcdserverpb.KV"
        )
    );
    let elsewhere = http::Request::post("/etcdserverpb.KVS/Range").body(tonic::body::Body::empty());
    let answer = KvServer::new(Arc::new(Echo), MessageLimits::SERVER)
        .handle(elsewhere.expect("a request"))
        .await;
    assert_eq!(answer.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn many_of_both() {
    let mut client = WatchClient::new(
        WatchServer::new(Arc::new(Echo), MessageLimits::SERVER),
        MessageLimits::CLIENT,
    );
    let requests = stream::iter(1..=3).map(|watch_id| {
        WatchRequestUnion::Create(WatchCreateRequest {
            watch_id,
            ..WatchCreateRequest::default()
        })
        .into()
    });
    let answers = client.watch(requests).await.expect("it is answered").into_inner();
    let ids: Vec<_> = answers
        .map(|answer| answer.expect("no error").watch_id)
        .collect()
        .await;
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test]
async fn many_answers() {
    let server = MaintenanceServer::new(Arc::new(Echo), MessageLimits::SERVER);
    let mut client = MaintenanceClient::new(server, MessageLimits::CLIENT);
    let answers = client
        .snapshot(SnapshotRequest {})
        .await
        .expect("it is answered")
        .into_inner();
    assert_eq!(answers.count().await, 3);
}

#[tokio::test]
async fn messages_have_limits() {
    let narrow = MessageLimits {
        decode: 1000,
        encode: 1000,
    };
    let wide = MessageLimits {
        decode: 1 << 20,
        encode: 1 << 20,
    };
    for (server, client, size, expected) in [
        (wide, wide, 900_000, None),
        (narrow, wide, 2000, Some(Code::OutOfRange)),
        (
            wide,
            MessageLimits { decode: 1000, ..wide },
            2000,
            Some(Code::OutOfRange),
        ),
        (
            wide,
            MessageLimits { encode: 1000, ..wide },
            2000,
            Some(Code::OutOfRange),
        ),
        (
            MessageLimits { encode: 1000, ..wide },
            wide,
            2000,
            Some(Code::OutOfRange),
        ),
    ] {
        let mut client = KvClient::new(KvServer::new(Arc::new(Echo), server), client);
        let code = client.put(put(size)).await.err().map(|error| error.code());
        assert_eq!(code, expected, "{server:?} {size}");
    }
}
