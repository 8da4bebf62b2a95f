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

/// Makes the stub of a service.
macro_rules! stub {
    ($(#[$doc:meta])* $trait:ident, $name:ident, $server:ident, $service:literal {
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

services!(stub);
