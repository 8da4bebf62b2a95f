//! Connections to a server: TLS to wherever it is at the moment.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::address::{Address, Way};
use super::any_server::AnyServer;
use super::words;
use crate::cluster::Cluster;

/// Where systems keep the certificates of public authorities.
const PUBLIC_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes connections to a server.
#[derive(Clone)]
pub struct Connector {
    address: Arc<Address>,
    name: ServerName<'static>,
    tls: TlsConnector,
    cluster: Arc<dyn Cluster>,
}

/// Why there is no connection, in upstream's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoConnection(String);

/// What both ends prove to each other.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// PEM certificates of the authorities that know the server; without any, those that the system trusts count.
    pub authorities: Vec<u8>,
    /// Whether the server is believed whatever certificate it has.
    pub any_server: bool,
    /// What the client shows.
    pub client: Option<ClientProof>,
    /// Whether HTTP/2 is not to be spoken, as where the connection is to change protocols.
    pub only_http1: bool,
}

/// A client's certificate, with those after it, and the key, in PEM.
#[derive(Clone)]
pub struct ClientProof {
    /// The chain, its own first.
    pub certificates: Arc<str>,
    /// The key.
    pub key: Arc<str>,
}

/// Shows no key.
impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientProof").finish_non_exhaustive()
    }
}

impl Connector {
    /// Nothing is connected before it is needed. Else says what is wrong with the certificates.
    pub fn new(address: Address, proofs: &Proofs, cluster: &Arc<dyn Cluster>) -> Result<Self, String> {
        let name = address.server_name();
        Ok(Self {
            name: ServerName::try_from(name).map_err(|error| error.to_string())?,
            address: Arc::new(address),
            tls: TlsConnector::from(Arc::new(configuration(proofs)?)),
            cluster: Arc::clone(cluster),
        })
    }

    /// A connection, made anew.
    pub async fn connect(self) -> Result<Stream, NoConnection> {
        let way = self.address.find(&*self.cluster).await.map_err(NoConnection)?;
        let tcp = dial(&way).await?;
        let stream = self.tls.connect(self.name, tcp).await;
        stream
            .map(Stream)
            .map_err(|error| NoConnection(words::handshake(&error)))
    }
}

/// The first candidate that answers, each having its chance to be asked first; the problem of the first, if none does.
async fn dial(way: &Way) -> Result<TcpStream, NoConnection> {
    let mut problem = None;
    // A new hasher's keys are random.
    let chance = RandomState::new().hash_one(0) as usize;
    let first = chance.checked_rem(way.candidates.len()).unwrap_or_default();
    let (later, earlier) = way.candidates.split_at(first);
    for candidate in earlier.iter().chain(later) {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                // Requests are small writes; waiting for more would only make them late.
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

/// The reason at the bottom of an error of the HTTP client.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let mut lowest = error;
    loop {
        if let Some(connection) = lowest.downcast_ref::<NoConnection>() {
            return connection.to_string();
        }
        let broke_off = lowest
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed());
        if broke_off {
            return "EOF".to_owned();
        }
        match lowest.source() {
            Some(source) => lowest = source,
            None => return lowest.to_string(),
        }
    }
}

fn configuration(proofs: &Proofs) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if proofs.any_server {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer::new()))
    } else {
        builder.with_root_certificates(roots(&proofs.authorities)?)
    };
    let mut config = match &proofs.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = CertificateDer::pem_slice_iter(client.certificates.as_bytes());
            let chain = chain
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?;
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes());
            let key = key.map_err(|error| error.to_string())?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| error.to_string())?
        }
    };
    if !proofs.only_http1 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

fn roots(authorities: &[u8]) -> Result<RootCertStore, String> {
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
    Ok(roots)
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
pub struct Stream(TlsStream<TcpStream>);

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
