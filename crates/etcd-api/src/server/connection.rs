//! One connection: its requests until the client leaves or the server stops.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::authority::Mended;
use super::route::Routes;

/// A request's headers come within this time.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// A silent connection is asked after this time whether it is still there.
const ASK_AFTER: Duration = Duration::from_secs(60);
/// It answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// So many requests of one connection are open at once at most.
const MAX_STREAMS: u32 = 10_000;

/// Makes HTTP connections out of byte streams: h2, also without TLS, and HTTP/1.1.
#[derive(Clone)]
pub(super) struct Http {
    builder: auto::Builder<TokioExecutor>,
    routes: Routes,
    shutdown: CancellationToken,
}

impl Http {
    pub(super) fn new(routes: Routes, shutdown: CancellationToken) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .max_send_buf_size(256 << 10)
            .keep_alive_interval(ASK_AFTER)
            .keep_alive_timeout(ANSWER_WITHIN);
        Self {
            builder,
            routes,
            shutdown,
        }
    }

    pub(super) async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let service = service_fn(move |request| {
            let routes = self.routes.clone();
            async move { Ok::<_, Infallible>(routes.answer(request).await) }
        });
        let stream = TokioIo::new(Mended::new(stream));
        let mut connection = pin!(self.builder.serve_connection(stream, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection of an etcd client ended early");
        }
    }
}
