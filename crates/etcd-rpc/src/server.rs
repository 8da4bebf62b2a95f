//! Server traits, one for each service, and what answers HTTP requests with them.
//!
//! A server is a [`tower::Service`] of HTTP requests whose path begins with `/NAME/`, where `NAME` is its
//! [`NamedService::NAME`]; who has several looks at the path and calls the right one's `handle`. Every method of a trait that
//! is not written answers `UNIMPLEMENTED`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use prost::Message;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::MessageLimits;
use crate::message::*;

/// Many answers. The last may be an error.
pub type Answers<A> = BoxStream<'static, Result<A, Status>>;

fn grpc<A, Q>(limits: MessageLimits) -> Grpc<ProstCodec<A, Q>>
where
    A: Message + Send + 'static,
    Q: Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .max_decoding_message_size(limits.decode)
        .max_encoding_message_size(limits.encode)
}

fn unknown(method: &str, service: &str) -> Status {
    Status::unimplemented(format!("unknown method {method} for service {service}"))
}

/// The method that a path names of a service.
fn method_of<'a>(path: &'a str, service: &str) -> Option<&'a str> {
    path.strip_prefix('/')?.strip_prefix(service)?.strip_prefix('/')
}

/// Makes the trait and the server of a service. The kinds of methods are those of the client stubs.
macro_rules! service {
    ($(#[$doc:meta])* $trait:ident, $server:ident, $service:literal {
        $($kind:ident $method:ident $rpc:literal ($request:ty) -> $answer:ty;)*
    }) => {
        $(#[$doc])*
        #[async_trait]
        pub trait $trait: Send + Sync + 'static {
            $(
                #[doc = concat!("Answers `", $rpc, "`.")]
                async fn $method(
                    &self,
                    request: service!(@request $kind $request),
                ) -> Result<Response<service!(@answer $kind $answer)>, Status> {
                    let _ = request;
                    Err(unknown($rpc, $service))
                }
            )*
        }

        #[doc = concat!("Serves a [`", stringify!($trait), "`].")]
        pub struct $server<S> {
            service: Arc<S>,
            limits: MessageLimits,
        }

        impl<S> Clone for $server<S> {
            fn clone(&self) -> Self {
                Self {
                    service: self.service.clone(),
                    limits: self.limits,
                }
            }
        }

        impl<S> NamedService for $server<S> {
            const NAME: &'static str = $service;
        }

        impl<S: $trait> $server<S> {
            /// A server of `service`.
            pub fn new(service: Arc<S>, limits: MessageLimits) -> Self {
                Self { service, limits }
            }

            /// Answers one HTTP request.
            pub async fn handle<B>(&self, request: http::Request<B>) -> http::Response<Body>
            where
                B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send>
                    + Send
                    + 'static,
            {
                match method_of(request.uri().path(), $service) {
                    $(
                        Some($rpc) => {
                            let service = self.service.clone();
                            let answer = service_fn(move |request: service!(@request $kind $request)| {
                                let service = service.clone();
                                async move { service.$method(request).await }
                            });
                            service!(@call $kind grpc::<$answer, $request>(self.limits), answer, request)
                        }
                    )*
                    other => unknown(other.unwrap_or(request.uri().path()), $service).into_http(),
                }
            }
        }

        impl<S, B> tower::Service<http::Request<B>> for $server<S>
        where
            S: $trait,
            B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send>
                + Send
                + 'static,
        {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                let server = self.clone();
                async move { Ok(server.handle(request).await) }.boxed()
            }
        }
    };
    (@request exchange $request:ty) => { Request<Streaming<$request>> };
    (@request $kind:ident $request:ty) => { Request<$request> };
    (@answer unary $answer:ty) => { $answer };
    (@answer $kind:ident $answer:ty) => { Answers<$answer> };
    (@call unary $grpc:expr, $answer:ident, $request:ident) => { $grpc.unary($answer, $request).await };
    (@call download $grpc:expr, $answer:ident, $request:ident) => { $grpc.server_streaming($answer, $request).await };
    (@call exchange $grpc:expr, $answer:ident, $request:ident) => { $grpc.streaming($answer, $request).await };
}

service! {
    /// Keys and values.
    Kv, KvServer, "etcdserverpb.KV" {
        unary range "Range" (RangeRequest) -> RangeResponse;
        unary put "Put" (PutRequest) -> PutResponse;
        unary delete_range "DeleteRange" (DeleteRangeRequest) -> DeleteRangeResponse;
        unary txn "Txn" (TxnRequest) -> TxnResponse;
        unary compact "Compact" (CompactionRequest) -> CompactionResponse;
    }
}

service! {
    /// Watches.
    Watch, WatchServer, "etcdserverpb.Watch" {
        exchange watch "Watch" (WatchRequest) -> WatchResponse;
    }
}

service! {
    /// Leases.
    Lease, LeaseServer, "etcdserverpb.Lease" {
        unary lease_grant "LeaseGrant" (LeaseGrantRequest) -> LeaseGrantResponse;
        unary lease_revoke "LeaseRevoke" (LeaseRevokeRequest) -> LeaseRevokeResponse;
        exchange lease_keep_alive "LeaseKeepAlive" (LeaseKeepAliveRequest) -> LeaseKeepAliveResponse;
        unary lease_time_to_live "LeaseTimeToLive" (LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse;
        unary lease_leases "LeaseLeases" (LeaseLeasesRequest) -> LeaseLeasesResponse;
    }
}

service! {
    /// The members of the cluster.
    Cluster, ClusterServer, "etcdserverpb.Cluster" {
        unary member_add "MemberAdd" (MemberAddRequest) -> MemberAddResponse;
        unary member_remove "MemberRemove" (MemberRemoveRequest) -> MemberRemoveResponse;
        unary member_update "MemberUpdate" (MemberUpdateRequest) -> MemberUpdateResponse;
        unary member_list "MemberList" (MemberListRequest) -> MemberListResponse;
        unary member_promote "MemberPromote" (MemberPromoteRequest) -> MemberPromoteResponse;
    }
}

service! {
    /// Looking after a member.
    Maintenance, MaintenanceServer, "etcdserverpb.Maintenance" {
        unary alarm "Alarm" (AlarmRequest) -> AlarmResponse;
        unary status "Status" (StatusRequest) -> StatusResponse;
        unary defragment "Defragment" (DefragmentRequest) -> DefragmentResponse;
        unary hash "Hash" (HashRequest) -> HashResponse;
        unary hash_kv "HashKV" (HashKvRequest) -> HashKvResponse;
        download snapshot "Snapshot" (SnapshotRequest) -> SnapshotResponse;
        unary move_leader "MoveLeader" (MoveLeaderRequest) -> MoveLeaderResponse;
        unary downgrade "Downgrade" (DowngradeRequest) -> DowngradeResponse;
    }
}

service! {
    /// Passwords.
    Auth, AuthServer, "etcdserverpb.Auth" {
        unary authenticate "Authenticate" (AuthenticateRequest) -> AuthenticateResponse;
        unary auth_status "AuthStatus" (AuthStatusRequest) -> AuthStatusResponse;
    }
}
