//! The HTTPS transport: one HTTP/2 connection per server where it can, bearer token or client certificate as told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Uri, header};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::{Service, ServiceBuilder};

use crate::config::{ClientConfig, ConfigError};
use crate::transport::{self, Body, BoxError, Transport};

/// How often an idle HTTP/2 connection is asked whether the server is still there; as client-go has it.
const PING_AFTER_IDLE: std::time::Duration = std::time::Duration::from_secs(30);
/// How long the answer may take.
const PING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// A transport to the server that the configuration names.
pub fn connect(config: &ClientConfig) -> Result<Transport, ConfigError> {
    let mut tls = config.tls()?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = Connector {
        tls: TlsConnector::from(Arc::new(tls)),
    };
    let client = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING_AFTER_IDLE)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_adaptive_window(true)
        .build::<_, Body>(connector);

    let server: Uri = config
        .server
        .parse()
        .map_err(|_| ConfigError::Server(config.server.clone()))?;
    let authority = server
        .authority()
        .cloned()
        .ok_or_else(|| ConfigError::Server(config.server.clone()))?;
    let token = config.bearer_token()?;
    let client = ServiceBuilder::new()
        .map_request(move |mut request: Request<Body>| {
            address(&mut request, &authority);
            if let Some(token) = &token {
                request.headers_mut().insert(header::AUTHORIZATION, token.clone());
            }
            request
        })
        .service(client);
    Ok(transport::boxed(client))
}

/// Completes a request whose address is only a path.
fn address(request: &mut Request<Body>, authority: &http::uri::Authority) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = Some(authority.clone());
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// A bearer token as the header that carries it.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[derive(Clone)]
struct Connector {
    tls: TlsConnector,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let host = uri.host().ok_or("the server's address has no host")?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
            tcp.set_nodelay(true)?;
            let stream = tls.connect(ServerName::try_from(host)?, tcp).await?;
            Ok(TokioIo::new(Stream(stream)))
        })
    }
}

/// A TLS connection that tells the pool whether it speaks HTTP/2.
struct Stream(TlsStream<TcpStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let (_, session) = self.0.get_ref();
        let connected = Connected::new();
        if session.alpn_protocol() == Some(b"h2") {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
