//! HTTP/1.1 to an S3-compatible server, with or without TLS: a connection per request, since there are few.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri, body::Incoming, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::io::ReaderStream;

use super::sign::Signed;
use crate::error::BackupError;

/// The server must answer, or take or give something, at least so often.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer that is held whole is never so long.
const MAX_ANSWER: usize = 8 << 20;

/// Where Debian and its relatives keep the authorities that the system believes.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How a server is reached.
pub(super) struct Connection {
    host: String,
    port: u16,
    authority: String,
    tls: Option<TlsConnector>,
}

/// An answer, held whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

type Sent = BoxBody<Bytes, io::Error>;

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.authority)
    }
}

impl Connection {
    /// To the server of this address. `authorities` is a file in PEM.
    pub(super) fn new(endpoint: &str, authorities: Option<&Path>) -> Result<Self, BackupError> {
        let wrong = |problem: &str| BackupError::Bucket {
            url: endpoint.to_owned(),
            problem: problem.to_owned(),
        };
        let uri: Uri = endpoint
            .parse()
            .map_err(|_| wrong("it is no address of a server"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("the address must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if !matches!(uri.path(), "" | "/") || authority.as_str().contains('@') {
            return Err(wrong("it must be a scheme, a host and a port"));
        }
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            tls: secure
                .then(|| tls(authorities.unwrap_or(Path::new(SYSTEM_AUTHORITIES))))
                .transpose()?,
        })
    }

    /// Host and port, as the signature has them.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends a request without a body.
    pub(super) async fn send(&self, signed: Signed) -> io::Result<Answer> {
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        whole(self.exchange(signed, empty, 0).await?).await
    }

    /// Sends a file.
    pub(super) async fn put(&self, signed: Signed, file: &Path, length: u64) -> io::Result<Answer> {
        let file = tokio::fs::File::open(file).await?;
        let frames = ReaderStream::with_capacity(file, 256 << 10).map_ok(Frame::data);
        let body = StreamBody::new(frames).boxed();
        whole(self.exchange(signed, body, length).await?).await
    }

    /// Brings a body into a file; an answer that is an error is held whole instead.
    pub(super) async fn get(&self, signed: Signed, file: &Path) -> io::Result<Answer> {
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        let mut answer = self.exchange(signed, empty, 0).await?;
        if !answer.status().is_success() {
            return whole(answer).await;
        }
        let mut out = tokio::fs::File::create(file).await?;
        while let Some(frame) = in_time(answer.frame()).await? {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                out.write_all(&data).await?;
            }
        }
        out.sync_all().await?;
        Ok(Answer {
            status: answer.status().as_u16(),
            body: Vec::new(),
        })
    }

    async fn exchange(&self, signed: Signed, body: Sent, length: u64) -> io::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(signed.method.as_str())
            .uri(&signed.target);
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        if length > 0 {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        let request = request.body(body).map_err(io::Error::other)?;
        let stream = in_time(TcpStream::connect((self.host.as_str(), self.port))).await??;
        match &self.tls {
            None => converse(stream, request).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                converse(in_time(tls.connect(name, stream)).await??, request).await
            }
        }
    }
}

async fn converse<S>(stream: S, request: Request<Sent>) -> io::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = in_time(http1::handshake(TokioIo::new(stream)))
        .await?
        .map_err(io::Error::other)?;
    // It ends with the answer's body.
    tokio::spawn(connection);
    // A large file takes its time; a server that has gone is noticed by the connection.
    sender.send_request(request).await.map_err(io::Error::other)
}

async fn whole(mut answer: Response<Incoming>) -> io::Result<Answer> {
    let mut body = Vec::new();
    while let Some(frame) = in_time(answer.frame()).await? {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            body.extend_from_slice(&data);
        }
        if body.len() > MAX_ANSWER {
            return Err(io::Error::other("the answer is too long"));
        }
    }
    Ok(Answer {
        status: answer.status().as_u16(),
        body,
    })
}

async fn in_time<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))
}

fn tls(authorities: &Path) -> Result<TlsConnector, BackupError> {
    let unusable = |problem: String| BackupError::Read {
        name: authorities.display().to_string(),
        source: io::Error::other(problem),
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(authorities).map_err(|error| unusable(error.to_string()))?;
    roots.add_parsable_certificates(certificates.flatten());
    if roots.is_empty() {
        return Err(unusable(String::from("there is no certificate in it")));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
