//! What the server is told at its start.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use client::Client;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What the server is told at its start.
#[derive(Clone)]
pub struct Settings {
    /// The node's name: what access reviews ask about.
    pub node_name: String,
    /// The certificate the server shows; may change while it runs. [`FixedCertificate`] for one that does not.
    pub certificate: Arc<dyn ResolvesServerCert>,
    /// Authorities of client certificates, PEM (`--client-ca-file`); empty if none are taken.
    pub client_authorities: String,
    /// For TokenReviews and SubjectAccessReviews, as the kubelet.
    pub client: Client,
    /// Whether requests without credentials are taken (`--anonymous-auth`); they still must be authorized.
    pub anonymous: bool,
    /// The kubelet's folder: the file system that pods write to.
    pub root_directory: PathBuf,
}

/// One certificate and its key, for good.
pub struct FixedCertificate(Arc<CertifiedKey>);

impl FixedCertificate {
    /// A certificate chain, leaf first, and its key.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Arc<Self>, rustls::Error> {
        let key = aws_lc_rs::sign::any_supported_type(key)?;
        Ok(Arc::new(Self(Arc::new(CertifiedKey::new(chain, key)))))
    }
}

impl fmt::Debug for FixedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedCertificate")
    }
}

impl ResolvesServerCert for FixedCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
