//! What others may ask of a component that runs alone: whether it is alive and ready.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use pki::{AlternativeNames, Authority, Identity, Profile};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::ComponentError;

/// Connections that are served at once.
const MAX_CONNECTIONS: usize = 64;
/// A client has so long to send its request.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(10);
const PATHS: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// Answers over plain HTTP until the token fires. A port that is taken is no reason not to work.
pub(super) async fn serve(address: SocketAddr, shutdown: CancellationToken) {
    listen(address, None, shutdown).await;
}

/// The same over HTTPS, with a certificate that nobody else has signed.
pub(super) async fn serve_https(
    address: SocketAddr,
    name: &str,
    shutdown: CancellationToken,
) -> Result<(), ComponentError> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(address, name)?));
    listen(address, Some(acceptor), shutdown).await;
    Ok(())
}

fn tls(address: SocketAddr, name: &str) -> Result<rustls::ServerConfig, ComponentError> {
    let now = Timestamp::now();
    let mut names = AlternativeNames::default();
    for name in ["localhost", "127.0.0.1", &address.ip().to_string()] {
        names.add(name);
    }
    let issued = Authority::create(&format!("{name}-ca"), now)?.issue(&Profile::server(name, names), now)?;
    let identity = Identity::try_from(issued)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ComponentError::Tls)?
        .with_no_client_auth();
    config
        .with_single_cert(identity.chain(), identity.key()?)
        .map_err(ComponentError::Tls)
}

async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>, shutdown: CancellationToken) {
    match TcpListener::bind(address).await {
        Ok(listener) => {
            tokio::spawn(async move { shutdown.run_until_cancelled(accept(listener, tls)).await });
        }
        Err(error) => tracing::warn!(%address, %error, "nobody can ask whether this component is well"),
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Mostly for want of file descriptors: others will end.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let tls = tls.clone();
        tokio::spawn(async move {
            let _place = place;
            connection(stream, tls).await;
        });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => answer_all(stream).await,
        Some(tls) => {
            let handshake = tokio::time::timeout(REQUEST_TIME_LIMIT, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                answer_all(stream).await;
            }
        }
    }
}

async fn answer_all(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME_LIMIT)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    // Whoever asks may go at any moment.
    drop(served);
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let is_known = PATHS.contains(&path) || PATHS.iter().any(|known| path == format!("{known}/ping"));
    let mut response = Response::new(Full::from(if is_known { "ok" } else { "404 page not found\n" }));
    if !is_known {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn a_component_says_that_it_is_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(accept(listener, None));
        for (path, status) in [
            ("/healthz", "200"),
            ("/readyz", "200"),
            ("/livez/ping", "200"),
            ("/metrics", "404"),
        ] {
            let answer = ask(address, path).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path}: {answer}"
            );
        }
    }

    #[test]
    fn a_certificate_is_made() {
        tls("127.0.0.1:0".parse().expect("an address"), "kube-scheduler").expect("made");
    }
}
