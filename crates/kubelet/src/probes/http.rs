//! HTTP requests to containers: of any certificate, over a connection each, with redirects followed on the same host.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::HTTPHeader;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::dial;

/// The most of an answer that is read.
const MAX_BODY_BYTES: usize = 10 * 1024;
/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As the API has it; HTTP if it says nothing.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some(text) if text.eq_ignore_ascii_case("https") => Self::Https,
            _ => Self::Http,
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// Path and query.
    pub path: String,
}

impl Url {
    fn text(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!(
            "{scheme}://{}{}",
            dial::authority(&self.host, self.port),
            self.target()
        )
    }

    /// The path, with the slash it may lack.
    fn target(&self) -> String {
        match self.path.starts_with('/') {
            true => self.path.clone(),
            false => format!("/{}", self.path),
        }
    }

    /// Where a redirect leads.
    fn follow(&self, location: &str) -> Option<Self> {
        if let Some(path) = location.strip_prefix('/').filter(|path| !path.starts_with('/')) {
            return Some(Self {
                path: format!("/{path}"),
                ..self.clone()
            });
        }
        let uri: http::Uri = location.parse().ok()?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => {
                // Relative to the folder of the path.
                let target = self.target();
                let folder = target.rsplit_once('/').map_or("", |(folder, _)| folder);
                return Some(Self {
                    path: format!("{folder}/{location}"),
                    ..self.clone()
                });
            }
        };
        let default_port = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        Some(Self {
            scheme,
            host: uri.host()?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            path: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        })
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks. The error is what users see.
pub async fn get(
    url: &Url,
    headers: &[HTTPHeader],
    agent: &str,
    timeout: Duration,
) -> Result<Answer, String> {
    let mut at = url.clone();
    let follow = async {
        for _ in 0..MAX_REDIRECTS {
            let response = ask(&at, headers, agent).await?;
            let (parts, body) = response.into_parts();
            let next = redirect(parts.status, &parts.headers).and_then(|location| at.follow(location));
            let left_host = next.as_ref().is_some_and(|next| next.host != url.host);
            match next {
                Some(next) if !left_host => at = next,
                _ => {
                    return Ok(Answer {
                        status: parts.status.as_u16(),
                        body: text(body).await?,
                    });
                }
            }
        }
        Err(format!("stopped after {MAX_REDIRECTS} redirects"))
    };
    let slow = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    let answer = tokio::time::timeout(timeout, follow).await;
    let answer = answer.unwrap_or_else(|_| Err(slow.to_owned()));
    answer.map_err(|problem| format!("Get {:?}: {problem}", at.text()))
}

fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<&str> {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        .then(|| headers.get(LOCATION)?.to_str().ok())
        .flatten()
}

async fn text(body: Incoming) -> Result<String, String> {
    let limited = http_body_util::Limited::new(body, MAX_BODY_BYTES);
    match limited.collect().await {
        Ok(collected) => Ok(String::from_utf8_lossy(&collected.to_bytes()).into_owned()),
        // More than is told is no failure.
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(String::new()),
        Err(error) => Err(cause(error.as_ref())),
    }
}

async fn ask(url: &Url, headers: &[HTTPHeader], agent: &str) -> Result<Response<Incoming>, String> {
    let stream = dial::tcp(&url.host, url.port, Duration::MAX).await?;
    let request = request(url, headers, agent)?;
    match url.scheme {
        Scheme::Http => send(stream, request).await,
        Scheme::Https => {
            let name = ServerName::try_from(url.host.clone()).map_err(|error| error.to_string())?;
            let connector = TlsConnector::from(TLS.clone());
            let stream = connector.connect(name, stream).await.map_err(tls_words)?;
            send(stream, request).await
        }
    }
}

fn tls_words(error: io::Error) -> String {
    match error.kind() {
        // What answers with something else than TLS.
        io::ErrorKind::InvalidData => format!("tls: {error}"),
        _ => dial::words(&error),
    }
}

fn request(url: &Url, own: &[HTTPHeader], agent: &str) -> Result<Request<Empty<Bytes>>, String> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    let mut named = std::collections::HashSet::new();
    for header in own {
        let name: HeaderName = header
            .name
            .parse()
            .map_err(|_| format!("invalid header name {:?}", header.name))?;
        // Given twice is sent twice; a host can only be one.
        if named.insert(name.clone()) || name == HOST {
            headers.insert(name, value(&header.value)?);
        } else {
            headers.append(name, value(&header.value)?);
        }
    }
    headers
        .entry(HOST)
        .or_insert(value(&dial::authority(&url.host, url.port))?);
    headers.entry(USER_AGENT).or_insert(value(agent)?);
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut request = Request::get(url.target())
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| cause(&error))?;
    // It ends with the answer, or when the answer is given up.
    tokio::spawn(connection);
    let response = sender.send_request(request).await;
    response.map_err(|error| match error.is_incomplete_message() {
        true => "EOF".to_owned(),
        false => cause(&error),
    })
}

fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>() {
        Some(error) => dial::words(error),
        None => cause.to_string(),
    }
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Arc::new(config)
});

/// Containers have certificates of their own, which nobody here could check; some are too old or too odd to be read. Who
/// holds the key of an unknown certificate tells nothing either.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_on() {
        let url = Url {
            scheme: Scheme::Http,
            host: "10.0.0.1".to_owned(),
            port: 8080,
            path: "a/b".to_owned(),
        };
        assert_eq!(url.text(), "http://10.0.0.1:8080/a/b");
        for (location, next) in [
            ("/c?d", "http://10.0.0.1:8080/c?d"),
            ("c", "http://10.0.0.1:8080/a/c"),
            ("https://x.y/z", "https://x.y:443/z"),
            ("http://[fd::1]:1/", "http://[fd::1]:1/"),
        ] {
            assert_eq!(url.follow(location).unwrap().text(), next, "{location}");
        }
    }

    #[test]
    fn own_headers_come_first() {
        let url = Url {
            scheme: Scheme::Http,
            host: "10.0.0.1".to_owned(),
            port: 80,
            path: String::new(),
        };
        let header = |name: &str, value: &str| HTTPHeader {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let own = [
            header("Host", "web"),
            header("X", "1"),
            header("x", "2"),
            header("User-Agent", "me"),
        ];
        let request = request(&url, &own, "agent").unwrap();
        let headers = request.headers();
        assert_eq!(
            (&headers[HOST], &headers[USER_AGENT]),
            (&"web".parse().unwrap(), &"me".parse().unwrap())
        );
        assert_eq!(headers.get_all("x").iter().count(), 2);
        assert_eq!(headers[ACCEPT], "*/*");
        assert_eq!(request.uri(), "/");
    }
}
