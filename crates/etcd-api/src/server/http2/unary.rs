//! Requests of one message with one answer that come by the thousand: puts, transactions, and reads of one key.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use etcd_rpc::MessageLimits;
use etcd_rpc::message::{PutRequest, RangeRequest, TxnRequest};
use etcd_rpc::server::{Kv, KvServer};
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use prost::Message;
use tonic::server::NamedService;
use tonic::{Request as Call, Status};

use super::relay::{SMALL, send_data};
use crate::etcd_api::EtcdApi;
use crate::keyspace;

/// Before each message of gRPC stand a flag and the length.
const PREFIX: usize = 5;
const STATUS: &str = "grpc-status";
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const OK: HeaderValue = HeaderValue::from_static("0");

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Put,
    Txn,
    Range,
}

/// Why there is no answer.
enum Failure {
    /// The client is told.
    Refused(Status),
    /// There is nobody to tell.
    Gone,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<h2::Error> for Failure {
    fn from(_: h2::Error) -> Self {
        Self::Gone
    }
}

impl Unary {
    /// What a request asks for, if it is one of these.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let path = request.uri().path().strip_prefix('/')?;
        let method = path.strip_prefix(KvServer::<EtcdApi>::NAME)?.strip_prefix('/')?;
        let unary = match method {
            "Put" => Self::Put,
            "Txn" => Self::Txn,
            "Range" => Self::Range,
            _ => return None,
        };
        let kind = request.headers().get(header::CONTENT_TYPE)?;
        kind.as_bytes().starts_with(b"application/grpc").then_some(unary)
    }

    /// Answers it.
    pub(super) async fn answer(self, api: Arc<EtcdApi>, body: RecvStream, respond: SendResponse<Bytes>) {
        let answered = match read(body).await {
            Ok(message) => self.call(api, &message).await,
            Err(failure) => Err(failure),
        };
        match answered {
            // Nobody else waits for this connection then.
            Ok(answer) if answer.len() > SMALL => drop(tokio::spawn(finish(answer, respond))),
            Ok(answer) => finish(answer, respond).await,
            Err(Failure::Refused(status)) => refuse(&status, respond),
            Err(Failure::Gone) => {}
        }
    }

    /// The message is read from a slice, so that what is kept of it is no part of a larger buffer.
    async fn call(self, api: Arc<EtcdApi>, message: &[u8]) -> Result<Bytes, Failure> {
        Ok(match self {
            Self::Put => framed(api.put(decoded::<PutRequest>(message)?).await?.get_ref()),
            Self::Txn => framed(api.txn(decoded::<TxnRequest>(message)?).await?.get_ref()),
            Self::Range => {
                let call = decoded::<RangeRequest>(message)?;
                if keyspace::is_single(&call.get_ref().range_end) {
                    framed(api.range(call).await?.get_ref())
                } else {
                    // It may be long, and others wait for this connection.
                    let ranged = tokio::spawn(async move {
                        let answer = api.range(call).await?;
                        Ok::<_, Status>(framed(answer.get_ref()))
                    });
                    ranged
                        .await
                        .map_err(|error| Status::internal(error.to_string()))??
                }
            }
        })
    }
}

fn decoded<Q: Message + Default>(message: &[u8]) -> Result<Call<Q>, Status> {
    let decoded = Q::decode(message).map(Call::new);
    decoded.map_err(|error| Status::internal(error.to_string()))
}

/// The one message of a body.
async fn read(mut body: RecvStream) -> Result<Bytes, Failure> {
    let mut all = Bytes::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        all = if all.is_empty() {
            data
        } else {
            [all, data].concat().into()
        };
        if all.len() > PREFIX + MessageLimits::SERVER.decode {
            break;
        }
    }
    message(all).map_err(Failure::Refused)
}

/// What is in the frame of a message.
fn message(mut framed: Bytes) -> Result<Bytes, Status> {
    let Some(prefix) = framed.first_chunk::<PREFIX>() else {
        return Err(Status::internal("Missing request message."));
    };
    let [flag, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if flag != 0 {
        return Err(Status::unimplemented("messages that are compressed are not read"));
    }
    let limit = MessageLimits::SERVER.decode;
    if length > limit {
        return Err(Status::out_of_range(format!(
            "Error, decoded message length too large: found {length} bytes, the limit is: {limit} bytes"
        )));
    }
    let message = framed.split_off(PREFIX);
    if message.len() != length {
        return Err(Status::internal("the body is not one message"));
    }
    Ok(message)
}

fn framed(answer: &impl Message) -> Bytes {
    let length = answer.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    answer
        .encode(&mut framed)
        .expect("there is room for as much as it said it takes");
    framed.freeze()
}

async fn finish(answer: Bytes, mut respond: SendResponse<Bytes>) {
    let mut head = Response::new(());
    head.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    let Ok(mut stream) = respond.send_response(head, false) else {
        return;
    };
    let sent = if answer.len() <= SMALL {
        stream.send_data(answer, false)
    } else {
        send_data(&mut stream, answer).await
    };
    if sent.is_ok() {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(STATUS, OK);
        // An error is the client's end of the stream.
        let _ = stream.send_trailers(trailers);
    }
}

fn refuse(status: &Status, mut respond: SendResponse<Bytes>) {
    let (head, ()) = status.clone().into_http().into_parts();
    let _ = respond.send_response(Response::from_parts(head, ()), true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, kind: &str) -> Option<Unary> {
        let request = Request::post(path).header(header::CONTENT_TYPE, kind).body(());
        Unary::of(&request.expect("a request"))
    }

    #[test]
    fn what_comes_often_is_known_by_its_path() {
        let grpc = "application/grpc";
        assert_eq!(asked("/etcdserverpb.KV/Put", grpc), Some(Unary::Put));
        assert_eq!(
            asked("/etcdserverpb.KV/Txn", "application/grpc+proto"),
            Some(Unary::Txn)
        );
        for (path, kind) in [
            ("/etcdserverpb.KV/Compact", grpc),
            ("/etcdserverpb.KVS/Put", grpc),
            ("/etcdserverpb.Watch/Watch", grpc),
            ("/etcdserverpb.KV/Put", "application/json"),
            ("/health", ""),
        ] {
            assert_eq!(asked(path, kind), None, "{path}");
        }
    }

    #[test]
    fn a_body_is_one_message() {
        let read = |bytes: &'static [u8]| message(Bytes::from_static(bytes));
        assert_eq!(read(&[0, 0, 0, 0, 2, 7, 8]).expect("read"), [7, 8].as_slice());
        assert_eq!(read(&[0, 0, 0, 0, 0]).expect("read"), [].as_slice());
        for (bytes, code) in [
            (&[][..], tonic::Code::Internal),
            (&[0, 0, 0], tonic::Code::Internal),
            (&[1, 0, 0, 0, 0], tonic::Code::Unimplemented),
            (&[0, 0, 0, 0, 2, 7], tonic::Code::Internal),
            (&[0, 0, 0, 0, 1, 7, 8], tonic::Code::Internal),
            (&[0, 255, 0, 0, 0], tonic::Code::OutOfRange),
        ] {
            assert_eq!(read(bytes).expect_err("refused").code(), code, "{bytes:?}");
        }
    }
}
