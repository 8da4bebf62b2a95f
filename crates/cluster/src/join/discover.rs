//! Finding the cluster: the server shows its authority in the handshake, and the token says which one is right. Nothing is
//! sent before that is known.

use std::sync::Arc;
use std::time::Duration;

use client::transport::BoxError;
use http::Uri;
use pki::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::token::JoinToken;

const HTTPS: u16 = 443;
/// How long a server may take to shake hands.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Why the cluster cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// It is not `https://HOST[:PORT]`.
    #[error("{0:?} is not the address of a server; give https://HOST:PORT")]
    Address(String),
    /// Nobody answers there.
    #[error("cannot reach {server}")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        source: BoxError,
    },
    /// Somebody else answers there.
    #[error("the server at {0} is not of the cluster that the token is for: its authority is another")]
    OtherCluster(String),
}

/// The authority of the cluster at `server`. The server shows it behind its own certificate; the connection is closed again.
pub(super) async fn authority(server: &str, token: &JoinToken) -> Result<Certificate, DiscoverError> {
    let chain = handshake(server).await?;
    let shown = chain
        .iter()
        .filter_map(|der| Certificate::from_der(der.clone()).ok());
    let authorities: Vec<Certificate> = shown.filter(|c| c.is_authority && token.trusts(c)).collect();
    let other = || DiscoverError::OtherCluster(server.to_owned());
    authorities.into_iter().next().ok_or_else(other)
}

/// The first of the servers that answers, and the authority of its cluster. One of another cluster is an error, not a reason
/// to look further.
pub(super) async fn any_authority(
    servers: &[String],
    token: &JoinToken,
) -> Result<(String, Certificate), DiscoverError> {
    let mut unreachable = DiscoverError::Address(String::new());
    for server in servers {
        match authority(server, token).await {
            Ok(authority) => return Ok((server.clone(), authority)),
            Err(error @ DiscoverError::Unreachable { .. }) => unreachable = error,
            Err(error) => return Err(error),
        }
    }
    Err(unreachable)
}

async fn handshake(server: &str) -> Result<Vec<CertificateDer<'static>>, DiscoverError> {
    let (host, port) = address(server)?;
    let unreachable = |source: BoxError| DiscoverError::Unreachable {
        server: server.to_owned(),
        source,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(error.into()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Look(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(host.clone()).map_err(|_| DiscoverError::Address(server.to_owned()))?;
    let connect = async {
        let stream = TcpStream::connect((host, port)).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let stream = match timeout(CONNECT_WITHIN, connect).await {
        Ok(connected) => connected.map_err(|error| unreachable(error.into()))?,
        Err(_) => {
            return Err(unreachable(
                format!("no connection within {CONNECT_WITHIN:?}").into(),
            ));
        }
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Ok(chain.to_vec())
}

/// Host (without brackets) and port.
fn address(server: &str) -> Result<(String, u16), DiscoverError> {
    let refuse = || DiscoverError::Address(server.to_owned());
    let uri: Uri = server.parse().map_err(|_| refuse())?;
    if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") {
        return Err(refuse());
    }
    let host = uri.host().ok_or_else(refuse)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), uri.port_u16().unwrap_or(HTTPS)))
}

/// Looks at certificates without believing them. That the server holds the key is still checked.
#[derive(Debug)]
struct Look(Arc<CryptoProvider>);

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pki::{Layout, ServerPki, Wanted};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server that only shakes hands.
    async fn server(pki: &ServerPki) -> String {
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(pki.serving.chain(), pki.serving.key().expect("key"))
            .expect("certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(Arc::new(config.clone()));
                tokio::spawn(async move { acceptor.accept(stream).await.is_ok() });
            }
        });
        format!("https://{address}")
    }

    #[tokio::test]
    async fn the_token_says_which_cluster_is_right() {
        let pki =
            ServerPki::ensure(&Layout::in_memory(), &Wanted::default(), Timestamp::now()).expect("made");
        let url = server(&pki).await;
        let hash = pki.authority.certificate().public_key_hash();
        let token = |text: String| JoinToken::parse(&text).expect("a token");
        for right in [
            format!("K10{hash}::abcdef.0123456789abcdef"),
            String::from("anything"),
        ] {
            let found = authority(&url, &token(right)).await.expect("found");
            assert_eq!(found.fingerprint(), pki.authority.certificate().fingerprint());
        }
        let wrong = format!("K10{}::abcdef.0123456789abcdef", "0".repeat(64));
        let error = authority(&url, &token(wrong)).await.expect_err("refused");
        assert!(matches!(error, DiscoverError::OtherCluster(_)), "{error}");
    }

    #[tokio::test]
    async fn the_first_server_that_answers_is_used() {
        let pki =
            ServerPki::ensure(&Layout::in_memory(), &Wanted::default(), Timestamp::now()).expect("made");
        let other =
            ServerPki::ensure(&Layout::in_memory(), &Wanted::default(), Timestamp::now()).expect("made");
        let (right, wrong) = (server(&pki).await, server(&other).await);
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let nobody = format!("https://{}", nobody.local_addr().expect("address"));
        let hash = pki.authority.certificate().public_key_hash();
        let token = JoinToken::parse(&format!("K10{hash}::abcdef.0123456789abcdef")).expect("a token");
        let found = any_authority(&[nobody.clone(), right.clone()], &token).await;
        assert_eq!(found.expect("found").0, right);
        let error = any_authority(&[wrong, right], &token).await.expect_err("refused");
        assert!(matches!(error, DiscoverError::OtherCluster(_)), "{error}");
        let error = any_authority(&[nobody], &token).await.expect_err("refused");
        assert!(matches!(error, DiscoverError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn addresses_are_urls_of_servers() {
        for (text, wanted) in [
            ("https://a:6443", Some(("a", 6443))),
            ("https://a", Some(("a", 443))),
            ("https://[::1]:6443/", Some(("::1", 6443))),
            ("http://a:6443", None),
            ("a:6443", None),
            ("https://a/path", None),
            ("", None),
        ] {
            let found = address(text).ok();
            assert_eq!(
                found.as_ref().map(|(host, port)| (host.as_str(), *port)),
                wanted,
                "{text}"
            );
        }
    }
}
