//! Accepting connections until told to stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use auth::AuthenticationError;
use http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::handle::Handler;
use super::reply;
use super::settings::Settings;
use super::view::NodeView;

/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1000;
/// Time a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time from an answer to the end of the next request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);
/// Bytes of a request's head at most.
const MAX_HEADER_BYTES: usize = 256 << 10;
/// Time open requests have to end at shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Pause after the process ran out of descriptors: accept would fail at once until some are closed.
const NO_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(100);

/// The server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The authorities of client certificates cannot be used.
    #[error("cannot use the authorities of client certificates")]
    Authorities(#[source] AuthenticationError),
    /// TLS cannot be set up.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
    /// The listening socket broke.
    #[error("cannot accept connections")]
    Accept(#[source] io::Error),
}

/// The kubelet's server.
pub struct Server {
    acceptor: TlsAcceptor,
    http: auto::Builder<TokioExecutor>,
    handler: Arc<Handler>,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
    abort: CancellationToken,
}

impl Server {
    /// A server that shows what `view` knows.
    pub fn new(settings: Settings, view: Arc<dyn NodeView>) -> Result<Self, ServerError> {
        let tls = tls(&settings)?;
        let handler = Handler::new(settings, view).map_err(ServerError::Authorities)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            http: http(),
            handler: Arc::new(handler),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
        })
    }

    /// Accepts connections until shutdown; then lets open requests end, within the grace period.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServerError> {
        let ended = tokio::select! {
            error = self.accept_all(&listener, &shutdown) => Err(ServerError::Accept(error)),
            () = shutdown.cancelled() => Ok(()),
        };
        drop(listener);
        self.handler.stop_streams();
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.tasks.wait())
            .await
            .is_err()
        {
            self.abort.cancel();
            self.tasks.wait().await;
        }
        ended
    }

    /// Returns only when the socket is broken for good.
    async fn accept_all(&self, listener: &TcpListener, shutdown: &CancellationToken) -> io::Error {
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else {
                return io::Error::other("the connection limit is closed");
            };
            match listener.accept().await {
                Ok((stream, address)) => self.spawn(stream, address, permit, shutdown.clone()),
                Err(error) if is_about_one_connection(&error) => {
                    debug!(%error, "a connection was not accepted");
                }
                Err(error) if is_out_of_descriptors(&error) => {
                    warn!(%error, "no more connections for the moment");
                    tokio::time::sleep(NO_DESCRIPTORS_PAUSE).await;
                }
                Err(error) => return error,
            }
        }
    }

    fn spawn(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        permit: OwnedSemaphorePermit,
        shutdown: CancellationToken,
    ) {
        let (acceptor, http) = (self.acceptor.clone(), self.http.clone());
        let (handler, abort) = (Arc::clone(&self.handler), self.abort.clone());
        self.tasks.spawn(abort.run_until_cancelled_owned(async move {
            let _permit = permit;
            // Without effect, answers are only slower.
            let _ = stream.set_nodelay(true);
            if let Err(error) = serve(stream, &acceptor, &http, handler, shutdown).await {
                debug!(%address, %error, "connection ended early");
            }
        }));
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Serves one connection to its end. When the server stops, open requests are finished and no more are taken.
async fn serve(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    http: &auto::Builder<TokioExecutor>,
    handler: Arc<Handler>,
    shutdown: CancellationToken,
) -> Result<(), AnyError> {
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
    let certificates: Arc<[CertificateDer<'static>]> = stream
        .get_ref()
        .1
        .peer_certificates()
        .map(|chain| chain.iter().map(|c| c.clone().into_owned()).collect())
        .unwrap_or_default();
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, certificates) = (Arc::clone(&handler), Arc::clone(&certificates));
        async move {
            let is_head = request.method() == Method::HEAD;
            let reply = handler.answer(request, &certificates).await;
            Ok::<_, Infallible>(if is_head {
                reply::without_body(reply)
            } else {
                reply
            })
        }
    });
    let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(250);
    builder
}

/// Client certificates are asked for and must be of a known authority; who shows none may still have a token. Without
/// authorities none are asked for.
fn tls(settings: &Settings) -> Result<ServerConfig, ServerError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(ServerError::Tls)?;
    let roots = authorities(&settings.client_authorities)?;
    let builder = if roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| ServerError::Authorities(AuthenticationError(error.to_string())))?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&settings.certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn authorities(bundle: &str) -> Result<RootCertStore, ServerError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        let certificate =
            certificate.map_err(|error| ServerError::Authorities(AuthenticationError(error.to_string())))?;
        roots.add(certificate).map_err(ServerError::Tls)?;
    }
    Ok(roots)
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
