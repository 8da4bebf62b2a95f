//! The API as a service: entered by connections after TLS, and by components of this process directly.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Version};
use http_body::Body as _;
use meta::User;
use tokio_util::sync::CancellationToken;

use crate::body::{BoxError, IncomingBody, drain};
use crate::call::{Call, Response};
use crate::handler::{AnyHandler, Handler};
use crate::metrics::Metrics;
use crate::server::Peer;

/// The API. Cloning is cheap.
#[derive(Clone)]
pub struct ApiService(Arc<Inner>);

struct Inner {
    chain: Box<dyn AnyHandler>,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

/// The identity of a component in this process, carried as an extension of its requests. Only [`ApiService::identity`] makes
/// it, so only who assembles the server hands it out; no request from the network can carry one.
#[derive(Clone, Debug)]
pub struct InProcessIdentity(Arc<User>);

impl InProcessIdentity {
    /// Who it is.
    pub fn user(&self) -> &Arc<User> {
        &self.0
    }
}

impl ApiService {
    pub(crate) fn new(chain: impl Handler, metrics: Arc<Metrics>, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            chain: Box::new(chain),
            metrics,
            shutdown,
        }))
    }

    /// An identity for a component in this process.
    pub fn identity(&self, user: User) -> InProcessIdentity {
        InProcessIdentity(Arc::new(user))
    }

    /// Answers a request. `peer` is the other end of the connection it came from.
    pub async fn answer(&self, request: Request<IncomingBody>, peer: Option<Arc<Peer>>) -> Response {
        let mut call = Call::new(request, peer);
        let mut response = self.0.chain.handle_any(&mut call).await;
        // A client that waits to be asked for its body will not send it now.
        let waits = call.head.headers.contains_key(EXPECT);
        let is_used_again = call.body.is_end_stream() || (!waits && drain(&mut call.body).await);
        if !is_used_again && call.head.version < Version::HTTP_2 {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// What the server counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Cancelled when the server is to stop.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        let request = request.map(IncomingBody::local);
        Box::pin(async move { Ok(service.answer(request, None).await) })
    }
}
