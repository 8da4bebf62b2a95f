//! One connection: its handshake, then its requests until the client leaves or the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use http::Method;
use http::header::CONTENT_LENGTH;
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
use crate::call::Response;
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
                let is_head = request.method() == Method::HEAD;
                let request = request.map(IncomingBody::Network);
                let response = service.answer(request, Some(peer)).await;
                Ok::<_, Infallible>(if is_head { without_body(response) } else { response })
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

/// The answer to HEAD: the length of what GET would answer with, and nothing of it. Over HTTP/2 nobody else sees to that, and
/// clients take what comes for an error.
fn without_body(mut response: Response) -> Response {
    let body = std::mem::take(response.body_mut());
    if let Some(length) = body.length() {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
    response
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;

    #[test]
    fn nothing_but_its_length_is_told_of_a_body() {
        let known = Response::new(Body::full("ok"));
        let known = without_body(known);
        assert_eq!(known.headers()[CONTENT_LENGTH], "2");
        assert_eq!(known.body().length(), Some(0));
        let frames = futures::stream::empty::<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>();
        let unknown = Response::new(Body::stream(http_body_util::StreamBody::new(frames)));
        let unknown = without_body(unknown);
        assert!(!unknown.headers().contains_key(CONTENT_LENGTH));
        assert_eq!(unknown.body().length(), Some(0));
    }
}
