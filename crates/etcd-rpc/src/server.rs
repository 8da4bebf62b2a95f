//! Server traits, one for each service, and what answers HTTP requests with them.
//!
//! A server is a [`tower::Service`] of HTTP requests whose path begins with `/NAME/`, where `NAME` is its
//! [`NamedService::NAME`]; who has several looks at the path and calls the right one's `handle`. Every method of a trait that
//! is not written answers `UNIMPLEMENTED`. Which services there are is listed in `services`.

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

/// Makes the trait and the server of a service.
macro_rules! service {
    ($(#[$doc:meta])* $trait:ident, $client:ident, $server:ident, $service:literal {
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

services!(service);
