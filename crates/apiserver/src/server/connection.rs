//! One connection: its handshake, then its requests until the client leaves or the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::body::IncomingBody;
use crate::server::limits::Limits;
use crate::service::ApiService;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificates it showed, leaf first; not verified.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Makes HTTP connections out of byte streams.
#[derive(Clone)]
pub(super) struct Http {
    builder: auto::Builder<TokioExecutor>,
    service: ApiService,
    shutdown: CancellationToken,
}

impl Http {
    pub(super) fn new(service: ApiService, limits: &Limits, shutdown: CancellationToken) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limits.max_header_bytes);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.max_concurrent_streams)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            // What waits in a stream for a client that does not read; there may be thousands.
            .max_send_buf_size(64 << 10)
            .keep_alive_interval(limits.keep_alive_interval)
            .keep_alive_timeout(limits.keep_alive_timeout);
        Self {
            builder,
            service,
            shutdown,
        }
    }

    /// Serves a stream until it ends. When the server stops, open requests are finished and no more are taken.
    pub(super) async fn serve<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let peer = Arc::new(peer);
        let address = peer.address;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (service, peer) = (self.service.clone(), Arc::clone(&peer));
            async move {
                let request = request.map(IncomingBody::Network);
                Ok::<_, Infallible>(service.answer(request, Some(peer)).await)
            }
        });
        let mut connection = pin!(
            self.builder
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%address, %error, "connection ended early");
        }
    }
}

/// A TLS handshake within its time; what is wrong otherwise.
pub(super) async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    limits: &Limits,
) -> Result<(tokio_rustls::server::TlsStream<TcpStream>, Peer), std::io::Error> {
    let stream = tokio::time::timeout(limits.handshake_timeout, acceptor.accept(stream))
        .await
        .map_err(|_| std::io::ErrorKind::TimedOut)??;
    let certificates = stream
        .get_ref()
        .1
        .peer_certificates()
        .map(|chain| chain.iter().map(|c| c.clone().into_owned()).collect())
        .unwrap_or_default();
    Ok((
        stream,
        Peer {
            address,
            certificates,
        },
    ))
}
