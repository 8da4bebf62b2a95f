//! Client stubs, one for each service, over anything that carries gRPC: a tonic channel, or a server in the same process.
//!
//! A stub is cheap to clone and one clone does one thing at a time. It neither retries nor sets deadlines.

use futures::Stream;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::{IntoRequest, IntoStreamingRequest, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::MessageLimits;
use crate::message::*;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a stub sends its requests over.
pub trait Transport:
    GrpcService<Body, ResponseBody: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static>
{
}

impl<T> Transport for T where
    T: GrpcService<
            Body,
            ResponseBody: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
        >
{
}

async fn ready<T: Transport>(grpc: &mut Grpc<T>) -> Result<(), Status> {
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::from_error(error.into()))
}

async fn unary<T, Q, A>(
    grpc: &mut Grpc<T>,
    path: &'static str,
    request: Request<Q>,
) -> Result<Response<A>, Status>
where
    T: Transport,
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    ready(grpc).await?;
    let codec = ProstCodec::<Q, A>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec).await
}

async fn download<T, Q, A>(
    grpc: &mut Grpc<T>,
    path: &'static str,
    request: Request<Q>,
) -> Result<Response<Streaming<A>>, Status>
where
    T: Transport,
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    ready(grpc).await?;
    let codec = ProstCodec::<Q, A>::default();
    grpc.server_streaming(request, PathAndQuery::from_static(path), codec)
        .await
}

async fn exchange<T, Q, A, S>(
    grpc: &mut Grpc<T>,
    path: &'static str,
    requests: Request<S>,
) -> Result<Response<Streaming<A>>, Status>
where
    T: Transport,
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
    S: Stream<Item = Q> + Send + 'static,
{
    ready(grpc).await?;
    let codec = ProstCodec::<Q, A>::default();
    grpc.streaming(requests, PathAndQuery::from_static(path), codec)
        .await
}

/// Makes the stub of a service. Each method is `unary` (one request, one answer), `download` (one request, many answers)
/// or `exchange` (many of both).
macro_rules! stub {
    ($(#[$doc:meta])* $name:ident, $service:literal {
        $($kind:ident $method:ident $rpc:literal ($request:ty) -> $answer:ty;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T> {
            grpc: Grpc<T>,
        }

        impl<T: Transport> $name<T> {
            /// A stub that sends over `transport`.
            pub fn new(transport: T, limits: MessageLimits) -> Self {
                let grpc = Grpc::new(transport)
                    .max_decoding_message_size(limits.decode)
                    .max_encoding_message_size(limits.encode);
                Self { grpc }
            }

            $(stub! { @$kind $method concat!("/", $service, "/", $rpc), $rpc, $request, $answer })*
        }
    };
    (@unary $method:ident $path:expr, $rpc:literal, $request:ty, $answer:ty) => {
        #[doc = concat!("Calls `", $rpc, "`.")]
        pub async fn $method(&mut self, request: impl IntoRequest<$request>) -> Result<Response<$answer>, Status> {
            unary(&mut self.grpc, $path, request.into_request()).await
        }
    };
    (@download $method:ident $path:expr, $rpc:literal, $request:ty, $answer:ty) => {
        #[doc = concat!("Calls `", $rpc, "`.")]
        pub async fn $method(
            &mut self,
            request: impl IntoRequest<$request>,
        ) -> Result<Response<Streaming<$answer>>, Status> {
            download(&mut self.grpc, $path, request.into_request()).await
        }
    };
    (@exchange $method:ident $path:expr, $rpc:literal, $request:ty, $answer:ty) => {
        #[doc = concat!("Calls `", $rpc, "`. Ends when the stream of requests does.")]
        pub async fn $method(
            &mut self,
            requests: impl IntoStreamingRequest<Stream = impl Stream<Item = $request> + Send + 'static, Message = $request>,
        ) -> Result<Response<Streaming<$answer>>, Status> {
            exchange(&mut self.grpc, $path, requests.into_streaming_request()).await
        }
    };
}

stub! {
    /// Keys and values.
    KvClient, "etcdserverpb.KV" {
        unary range "Range" (RangeRequest) -> RangeResponse;
        unary put "Put" (PutRequest) -> PutResponse;
        unary delete_range "DeleteRange" (DeleteRangeRequest) -> DeleteRangeResponse;
        unary txn "Txn" (TxnRequest) -> TxnResponse;
        unary compact "Compact" (CompactionRequest) -> CompactionResponse;
    }
}

stub! {
    /// Watches.
    WatchClient, "etcdserverpb.Watch" {
        exchange watch "Watch" (WatchRequest) -> WatchResponse;
    }
}

stub! {
    /// Leases.
    LeaseClient, "etcdserverpb.Lease" {
        unary lease_grant "LeaseGrant" (LeaseGrantRequest) -> LeaseGrantResponse;
        unary lease_revoke "LeaseRevoke" (LeaseRevokeRequest) -> LeaseRevokeResponse;
        exchange lease_keep_alive "LeaseKeepAlive" (LeaseKeepAliveRequest) -> LeaseKeepAliveResponse;
        unary lease_time_to_live "LeaseTimeToLive" (LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse;
        unary lease_leases "LeaseLeases" (LeaseLeasesRequest) -> LeaseLeasesResponse;
    }
}

stub! {
    /// The members of the cluster.
    ClusterClient, "etcdserverpb.Cluster" {
        unary member_add "MemberAdd" (MemberAddRequest) -> MemberAddResponse;
        unary member_remove "MemberRemove" (MemberRemoveRequest) -> MemberRemoveResponse;
        unary member_update "MemberUpdate" (MemberUpdateRequest) -> MemberUpdateResponse;
        unary member_list "MemberList" (MemberListRequest) -> MemberListResponse;
        unary member_promote "MemberPromote" (MemberPromoteRequest) -> MemberPromoteResponse;
    }
}

stub! {
    /// Looking after a member.
    MaintenanceClient, "etcdserverpb.Maintenance" {
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

stub! {
    /// Passwords.
    AuthClient, "etcdserverpb.Auth" {
        unary authenticate "Authenticate" (AuthenticateRequest) -> AuthenticateResponse;
        unary auth_status "AuthStatus" (AuthStatusRequest) -> AuthStatusResponse;
    }
}
