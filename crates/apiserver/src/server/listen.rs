//! Accepting connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::metrics::Metrics;
use crate::server::connection::{Http, handshake};
use crate::server::limits::Limits;
use crate::server::poll_again::PollAgain;
use crate::service::ApiService;

/// The server cannot accept connections.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The listening socket broke.
    #[error("accepting connections")]
    Accept(#[source] io::Error),
}

/// Serves an API over HTTPS.
pub struct Server {
    acceptor: TlsAcceptor,
    http: Http,
    limits: Limits,
    metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    abort: CancellationToken,
}

impl Server {
    /// A server for `service`. It stops when the service's shutdown token is cancelled.
    pub fn new(service: ApiService, tls: Arc<ServerConfig>, limits: Limits) -> Self {
        let shutdown = service.shutdown().clone();
        Self {
            acceptor: TlsAcceptor::from(tls),
            metrics: Arc::clone(service.metrics()),
            http: Http::new(service, &limits, shutdown.clone()),
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            limits,
            tasks: TaskTracker::new(),
            shutdown,
            abort: CancellationToken::new(),
        }
    }

    /// Accepts connections until shutdown; then lets open requests end, up to the grace period, and returns.
    pub async fn run(self, listener: TcpListener) -> Result<(), ServerError> {
        let ended = tokio::select! {
            error = self.accept_all(&listener) => Err(ServerError::Accept(error)),
            () = self.shutdown.cancelled() => Ok(()),
        };
        drop(listener);
        self.tasks.close();
        if tokio::time::timeout(self.limits.shutdown_grace, self.tasks.wait())
            .await
            .is_err()
        {
            warn!(
                open = self.tasks.len(),
                "closing connections that did not end in time"
            );
            self.abort.cancel();
            self.tasks.wait().await;
        }
        ended
    }

    /// Returns only when the socket is broken for good.
    async fn accept_all(&self, listener: &TcpListener) -> io::Error {
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else {
                return io::Error::other("the connection limit is closed");
            };
            match listener.accept().await {
                Ok((stream, address)) => self.spawn(stream, address, permit),
                Err(error) if is_about_one_connection(&error) => {
                    debug!(%error, "a connection was not accepted")
                }
                Err(error) if is_out_of_descriptors(&error) => {
                    warn!(%error, "no more connections for the moment");
                    // Closing connections frees descriptors; accept would fail at once until then.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                Err(error) => return error,
            }
        }
    }

    fn spawn(&self, stream: TcpStream, address: SocketAddr, permit: tokio::sync::OwnedSemaphorePermit) {
        let (acceptor, http, limits) = (self.acceptor.clone(), self.http.clone(), self.limits.clone());
        let (metrics, abort) = (Arc::clone(&self.metrics), self.abort.clone());
        // Boxed, since each future around it would make it larger by its whole size.
        let connection = PollAgain::new(Box::pin(async move {
            let _permit = permit;
            let _counted = metrics.connections().enter();
            // Small answers must not wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            match handshake(&acceptor, stream, address, &limits).await {
                Ok((stream, peer)) => http.serve(stream, peer).await,
                Err(error) => {
                    metrics.tls_handshake_errors().increment();
                    debug!(%address, %error, "TLS handshake failed");
                }
            }
        }));
        self.tasks.spawn(abort.run_until_cancelled_owned(connection));
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// ENFILE or EMFILE.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
