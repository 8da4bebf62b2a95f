//! A server's certificate that comes later: a joining node serves before anybody has signed for it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use pki::{Identity, PkiError};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificate new connections are served with; until there is one, handshakes fail.
#[derive(Default)]
pub struct LateCertificate(ArcSwapOption<CertifiedKey>);

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The key cannot be read.
    #[error("the key cannot be read")]
    Key(#[from] PkiError),
    /// The TLS library refuses the key.
    #[error("the key cannot be used")]
    Tls(#[from] rustls::Error),
}

impl LateCertificate {
    /// Serves new connections with this certificate from now on.
    pub fn set(&self, identity: &Identity) -> Result<(), CertificateError> {
        let key = aws_lc_rs::sign::any_supported_type(&identity.key()?)?;
        let certified = CertifiedKey::new(identity.chain(), key);
        self.0.store(Some(Arc::new(certified)));
        Ok(())
    }
}

impl fmt::Debug for LateCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateCertificate")
    }
}

impl ResolvesServerCert for LateCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}
