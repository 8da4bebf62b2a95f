//! Requests of one message with one answer that come by the thousand: puts, transactions, and reads.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use etcd_rpc::MessageLimits;
use etcd_rpc::message::{PutRequest, RangeRequest, TxnRequest};
use etcd_rpc::server::{Kv, KvServer};
use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;
use tonic::server::NamedService;
use tonic::{Request as Call, Status};

use super::headers::{Field, encode_head};
use super::outlet::{Answering, Outlet};
use super::puts::PutsAnswered;
use crate::etcd_api::EtcdApi;
use crate::keyspace;

/// Before each message of gRPC stand a flag and the length.
const PREFIX: usize = 5;
/// No body is larger.
pub(super) const MAX_BODY: usize = PREFIX + MessageLimits::SERVER.decode;
/// What a client is told of whose request a defect of this program comes to light. The log has more.
pub(super) const PANICKED: &str = "etcdserver: the request could not be answered";
/// The headers before an answer: a status of 200, and a content type. The first is the eighth of the headers that everybody knows,
/// the name of the second is that of the 31st.
pub(super) const HEAD: &[u8] = b"\x88\x0f\x10\x10application/grpc";
/// The headers behind an answer: all is well.
pub(super) const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Put,
    Txn,
    Range,
}

/// What becomes of a request.
pub(super) enum Taken {
    /// A put that may go together with others.
    Put(PutRequest),
    Call(BoxFuture<'static, Answered>),
}

/// Requests that are answered.
pub(super) enum Answered {
    One(One),
    Puts(PutsAnswered),
}

/// A request and its answer, framed.
pub(super) struct One {
    pub(super) stream: u32,
    pub(super) answer: Result<Bytes, Status>,
}

/// A request that was read.
enum Asked {
    Put(PutRequest),
    Txn(TxnRequest),
    Range(RangeRequest),
}

impl Unary {
    /// What the headers of a request ask for, if it is one of these.
    pub(super) fn of(fields: &[Field]) -> Option<Self> {
        let value = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| *name == wanted.as_bytes());
            found.map(|(_, value)| &value[..])
        };
        let path = value(":path")?.strip_prefix(b"/")?;
        let method = path.strip_prefix(KvServer::<EtcdApi>::NAME.as_bytes())?;
        let unary = match method {
            b"/Put" => Self::Put,
            b"/Txn" => Self::Txn,
            b"/Range" => Self::Range,
            _ => return None,
        };
        let is_grpc = value(":method")? == b"POST" && value("content-type")?.starts_with(b"application/grpc");
        is_grpc.then_some(unary)
    }

    /// Takes a request with this body.
    pub(super) fn take(self, api: &Arc<EtcdApi>, stream: u32, body: &[u8]) -> Taken {
        let asked = match self.read(body) {
            Ok(Asked::Put(put)) if api.may_put_plainly(&put) => return Taken::Put(put),
            asked => asked,
        };
        let api = api.clone();
        Taken::Call(Box::pin(async move {
            let answered = AssertUnwindSafe(async { answer(api, asked?).await });
            // Other requests of the connection are answered in the same task.
            let answer = answered.catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| Err(Status::internal(PANICKED)));
            Answered::One(One { stream, answer })
        }))
    }

    fn read(self, body: &[u8]) -> Result<Asked, Status> {
        let message = message(body)?;
        Ok(match self {
            Self::Put => Asked::Put(decoded(message)?),
            Self::Txn => Asked::Txn(decoded(message)?),
            Self::Range => Asked::Range(decoded(message)?),
        })
    }
}

async fn answer(api: Arc<EtcdApi>, asked: Asked) -> Result<Bytes, Status> {
    Ok(match asked {
        Asked::Put(put) => framed(api.put(Call::new(put)).await?.get_ref()),
        Asked::Txn(txn) => framed(api.txn(Call::new(txn)).await?.get_ref()),
        Asked::Range(range) if keyspace::is_single(&range.range_end) => {
            framed(api.range(Call::new(range)).await?.get_ref())
        }
        Asked::Range(range) => {
            // It may be long, and others wait for this connection.
            let ranged = tokio::spawn(async move {
                let answer = api.range(Call::new(range)).await?;
                Ok::<_, Status>(framed(answer.get_ref()))
            });
            ranged.await.map_err(|_| Status::internal(PANICKED))??
        }
    })
}

impl One {
    /// Sends the answer: at once, if there is room for it.
    pub(super) fn send(self, outlet: &Arc<Outlet>) {
        let Self { stream, answer } = self;
        match answer {
            Ok(answer) => {
                if !outlet.sink().answer(stream, HEAD, &answer, TRAILERS) {
                    tokio::spawn(send_slowly(answer, Answering::new(stream, outlet.clone())));
                }
            }
            Err(status) => {
                let (head, ()) = status.into_http().into_parts();
                outlet.headers(stream, &encode_head(head.status, &head.headers), true);
                outlet.forget(stream);
            }
        }
    }
}

/// Sends as much at a time as the client takes.
async fn send_slowly(mut answer: Bytes, mut answering: Answering) {
    let sent = async {
        answering.headers(HEAD, false)?;
        std::future::poll_fn(|cx| answering.poll_data(&mut answer, cx)).await?;
        answering.headers(TRAILERS, true)
    };
    // Nobody needs to be told that the client has gone.
    let _ = sent.await;
}

fn decoded<Q: Message + Default>(message: &[u8]) -> Result<Q, Status> {
    Q::decode(message).map_err(|error| Status::internal(error.to_string()))
}

/// What is in the frame of a message.
fn message(framed: &[u8]) -> Result<&[u8], Status> {
    let Some((prefix, message)) = framed.split_first_chunk::<PREFIX>() else {
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
    if message.len() != length {
        return Err(Status::internal("the body is not one message"));
    }
    Ok(message)
}

fn framed(answer: &impl Message) -> Bytes {
    let mut framed = Vec::new();
    frame_message(answer, &mut framed);
    framed.into()
}

/// Appends an answer with what stands before it.
pub(super) fn frame_message(answer: &impl Message, framed: &mut Vec<u8>) {
    let length = answer.encoded_len();
    framed.reserve_exact(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    answer
        .encode(framed)
        .expect("a vector has room for whatever comes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, kind: &str) -> Option<Unary> {
        let fields = [(":method", "POST"), (":path", path), ("content-type", kind)];
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Unary::of(&fields.map(|(name, value)| (bytes(name), bytes(value))))
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
        let read = message;
        assert_eq!(read(&[0, 0, 0, 0, 2, 7, 8]).expect("read"), [7, 8]);
        assert_eq!(read(&[0, 0, 0, 0, 0]).expect("read"), [0u8; 0]);
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
