//! The HTTPS transport: one HTTP/2 connection per server where it can, bearer token or client certificate as told. Of several
//! servers it uses one as long as that works.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::Service;

use crate::config::{ClientConfig, ConfigError};
use crate::servers::Servers;
use crate::transport::{self, Body, BoxError, Transport};

/// How often an idle HTTP/2 connection is asked whether the server is still there, and how long the answer may take; as
/// client-go has it.
const PING: Ping = Ping {
    every: Duration::from_secs(30),
    answer_within: Duration::from_secs(15),
};
/// The same where there are other servers to turn to.
const PING_OF_SEVERAL: Ping = Ping {
    every: Duration::from_secs(10),
    answer_within: Duration::from_secs(5),
};
/// How long a connection may take to be made, with TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// The same where there are other servers to turn to.
const CONNECT_WITHIN_OF_SEVERAL: Duration = Duration::from_secs(5);
/// How long one of several servers may take before it begins to answer. The slowest that a node asks for, a watch, is
/// answered at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

struct Ping {
    every: Duration,
    answer_within: Duration,
}

/// A transport to the server that the configuration names.
pub fn connect(config: &ClientConfig) -> Result<Transport, ConfigError> {
    let servers = Servers::new(std::slice::from_ref(&config.server))?;
    transport_to(config, servers, PING)
}

/// A transport to whichever of the servers works, with the configuration's credentials. A server that cannot be reached, does
/// not answer or answers that it is broken is left for another, and all its connections end.
pub fn connect_to_any(config: &ClientConfig, servers: Servers) -> Result<Transport, ConfigError> {
    transport_to(config, servers, PING_OF_SEVERAL)
}

fn transport_to(config: &ClientConfig, servers: Servers, ping: Ping) -> Result<Transport, ConfigError> {
    let mut tls = config.tls()?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = Connector {
        tls: TlsConnector::from(Arc::new(tls)),
        servers: servers.clone(),
    };
    let client = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(ping.every)
        .http2_keep_alive_timeout(ping.answer_within)
        .http2_adaptive_window(true)
        .build::<_, Body>(connector);
    Ok(transport::boxed(AnyServer {
        servers,
        client,
        token: config.bearer_token()?,
    }))
}

/// Sends each request to the server in use.
#[derive(Clone)]
struct AnyServer {
    servers: Servers,
    client: legacy::Client<Connector, Body>,
    token: Option<HeaderValue>,
}

type Answer = Result<Response<hyper::body::Incoming>, BoxError>;

impl Service<Request<Body>> for AnyServer {
    type Response = Response<hyper::body::Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        }
        let this = self.clone();
        Box::pin(async move {
            if this.servers.count() == 1 {
                return this.send_to_the_one(request).await;
            }
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            this.send_to_any(head, body).await
        })
    }
}

impl AnyServer {
    async fn send_to_the_one(&self, mut request: Request<Body>) -> Answer {
        address(&mut request, self.servers.current().authority());
        Ok(self.client.request(request).await?)
    }

    /// Sends it to one after the other until a connection is made. What was sent once is not sent again: only the caller
    /// knows whether it may happen twice.
    async fn send_to_any(&self, head: Parts, body: Bytes) -> Answer {
        let mut others = self.servers.count();
        loop {
            let server = self.servers.current();
            let mut request = Request::from_parts(head.clone(), transport::full(body.clone()));
            address(&mut request, server.authority());
            let answer = match timeout(ANSWER_WITHIN, self.client.request(request)).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.servers.leave(&server);
                    return Err(format!("{} does not answer", server.authority()).into());
                }
            };
            match answer {
                Ok(response) => {
                    self.servers.answered(&server, response.status());
                    return Ok(response);
                }
                Err(error) if error.is_connect() => {
                    self.servers.leave(&server);
                    others -= 1;
                    if others == 0 {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
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
    servers: Servers,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let within = match this.servers.count() {
                1 => CONNECT_WITHIN,
                _ => CONNECT_WITHIN_OF_SEVERAL,
            };
            match timeout(within, this.connect(uri)).await {
                Ok(stream) => stream.map(TokioIo::new),
                Err(_) => Err(format!("no connection within {within:?}").into()),
            }
        })
    }
}

impl Connector {
    async fn connect(&self, uri: Uri) -> Result<Stream, BoxError> {
        let authority = uri.authority().ok_or("the server's address has no host")?;
        let host = authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tcp = TcpStream::connect((host.as_str(), authority.port_u16().unwrap_or(443))).await?;
        tcp.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from(host)?, tcp).await?;
        Ok(Stream {
            stream,
            left: Box::pin(self.servers.left(authority)),
        })
    }
}

/// A TLS connection that tells the pool whether it speaks HTTP/2, and that breaks when its server is left.
struct Stream {
    stream: TlsStream<TcpStream>,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let (_, session) = self.stream.get_ref();
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
        if self.left.as_mut().poll(cx).is_ready() {
            let why = "another API server is used now";
            return Poll::Ready(Err(std::io::Error::new(
                std::io::ErrorKind::ConnectionAborted,
                why,
            )));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
