//! Connections to a webhook: TLS to wherever it is at the moment.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::address::{Address, Way};
use super::words;
use crate::cluster::Cluster;

/// Where systems keep the certificates of public authorities.
const PUBLIC_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes connections to a webhook.
#[derive(Clone)]
pub(super) struct Connector {
    address: Arc<Address>,
    name: ServerName<'static>,
    tls: TlsConnector,
    cluster: Arc<dyn Cluster>,
}

/// Why there is no connection, in upstream's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoConnection(String);

impl Connector {
    /// `authorities` are PEM certificates; without any, those that the system trusts count.
    pub(super) fn new(
        address: Address,
        authorities: &[u8],
        cluster: &Arc<dyn Cluster>,
    ) -> Result<Self, String> {
        let name = address.server_name();
        Ok(Self {
            name: ServerName::try_from(name).map_err(|error| error.to_string())?,
            address: Arc::new(address),
            tls: TlsConnector::from(Arc::new(configuration(authorities)?)),
            cluster: Arc::clone(cluster),
        })
    }

    async fn connect(self) -> Result<Stream, NoConnection> {
        let way = self.address.find(&*self.cluster).await.map_err(NoConnection)?;
        let tcp = dial(&way).await?;
        let stream = self.tls.connect(self.name, tcp).await;
        stream
            .map(Stream)
            .map_err(|error| NoConnection(words::handshake(&error)))
    }
}

/// The first candidate that answers; the problem of the first, if none does.
async fn dial(way: &Way) -> Result<TcpStream, NoConnection> {
    let mut problem = None;
    for candidate in &way.candidates {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                // A review is one small write; waiting for more would only make it late.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                let shown = way.shown.clone().unwrap_or_else(|| candidate.to_string());
                problem.get_or_insert_with(|| words::dial(&shown, &error));
            }
        }
    }
    Err(NoConnection(problem.unwrap_or_else(|| "no address".to_owned())))
}

fn configuration(authorities: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if authorities.is_empty() {
        let known = PUBLIC_AUTHORITIES
            .iter()
            .find_map(|path| std::fs::read(path).ok());
        let known = known.unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&known).flatten());
    }
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate =
            certificate.map_err(|error| format!("unable to load root certificates: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("unable to load root certificates: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = NoConnection;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.connect().await.map(TokioIo::new) })
    }
}

/// A TLS connection that tells the pool whether it speaks HTTP/2.
pub(super) struct Stream(TlsStream<TcpStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let (_, session) = self.0.get_ref();
        match session.alpn_protocol() {
            Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
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
