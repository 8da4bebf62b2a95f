//! One connection: its requests until the client leaves or the server stops.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::http2;
use super::incoming::Incoming;
use super::route::Routes;

/// What a client says first, and a request's headers, come within this time.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Makes HTTP connections out of byte streams: h2, also without TLS, and HTTP/1.1.
#[derive(Clone)]
pub(super) struct Http {
    routes: Routes,
    shutdown: CancellationToken,
}

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("it said nothing in time")]
    Silent,
    #[error(transparent)]
    Stream(#[from] io::Error),
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    #[error(transparent)]
    Http2(#[from] http2::Http2Error),
}

impl Http {
    pub(super) fn new(routes: Routes, shutdown: CancellationToken) -> Self {
        Self { routes, shutdown }
    }

    pub(super) async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        if let Err(error) = self.try_serve(stream).await {
            tracing::debug!(%error, "a connection of an etcd client ended early");
        }
    }

    async fn try_serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), ConnectionError> {
        let begun = timeout(HEADERS_WITHIN, Incoming::begin(stream));
        let begun = tokio::select! {
            begun = begun => begun.map_err(|_| ConnectionError::Silent)??,
            () = self.shutdown.cancelled() => return Ok(()),
        };
        match begun {
            Incoming::Http2(stream, beginning) => {
                http2::serve(stream, beginning, &self.routes, &self.shutdown).await?;
            }
            Incoming::Http1(stream) => self.serve_http1(stream).await?,
        }
        Ok(())
    }

    async fn serve_http1(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), hyper::Error> {
        let service = service_fn(move |request| {
            let routes = self.routes.clone();
            async move { Ok::<_, Infallible>(routes.answer(request).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}
