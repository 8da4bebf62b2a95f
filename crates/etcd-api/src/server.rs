//! The API on a socket: gRPC, and the few documents etcd has over plain HTTP, on one port.

mod connection;
mod documents;
mod http2;
mod incoming;
mod route;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::etcd_api::EtcdApi;
use connection::Http;
use route::Routes;
pub use tls::{TlsError, TlsFiles, config, files_config};

/// So many connections may be open.
const MAX_CONNECTIONS: usize = 20_000;
/// A TLS handshake takes no longer.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Open requests may take so long to end when the server stops.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Serves an API, with TLS if there is a configuration for it, until the API's shutdown token is cancelled. Fails if the socket
/// breaks.
pub async fn serve(
    api: Arc<EtcdApi>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    let shutdown = api.shutdown().clone();
    let front = Front {
        acceptor: tls.map(TlsAcceptor::from),
        http: Http::new(Routes::new(api), shutdown.clone()),
        permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        tasks: TaskTracker::new(),
    };
    let ended = tokio::select! {
        error = front.accept_all(&listener) => Err(error),
        () = shutdown.cancelled() => Ok(()),
    };
    drop(listener);
    front.tasks.close();
    if tokio::time::timeout(END_WITHIN, front.tasks.wait())
        .await
        .is_err()
    {
        tracing::debug!("some connections of etcd clients did not end in time");
    }
    ended
}

/// Serves one connection of an API, until it ends.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) async fn serve_connection(
    api: Arc<EtcdApi>,
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
) {
    let shutdown = api.shutdown().clone();
    Http::new(Routes::new(api), shutdown).serve(stream).await;
}

struct Front {
    acceptor: Option<TlsAcceptor>,
    http: Http,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Front {
    /// Returns only when the socket is broken for good.
    async fn accept_all(&self, listener: &TcpListener) -> io::Error {
        loop {
            let Ok(permit) = self.permits.clone().acquire_owned().await else {
                return io::Error::other("the connection limit is closed");
            };
            match listener.accept().await {
                Ok((stream, _)) => self.spawn(stream, permit),
                Err(error) if concerns_one(&error) => {}
                Err(error) if matches!(error.raw_os_error(), Some(23 | 24)) => {
                    tracing::warn!(%error, "no more connections for the moment");
                    // Closing connections frees descriptors; accept would fail at once until then.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return error,
            }
        }
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let (acceptor, http) = (self.acceptor.clone(), self.http.clone());
        self.tasks.spawn(async move {
            let _permit = permit;
            // Small answers must not wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            let Some(acceptor) = acceptor else {
                return http.serve(stream).await;
            };
            match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => http.serve(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "TLS handshake of an etcd client failed"),
                Err(_) => tracing::debug!("TLS handshake of an etcd client took too long"),
            }
        });
    }
}

fn concerns_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
