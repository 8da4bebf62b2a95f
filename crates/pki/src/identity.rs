//! A certificate and its key, in the forms TLS libraries and files want them.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::authority::Issued;
use crate::certificate::Certificate;
use crate::error::PkiError;
use crate::key::Key;

/// What a server or client shows: its certificate chain, and the key it proves to hold.
#[derive(Clone)]
pub struct Identity {
    /// The certificate itself.
    pub certificate: Certificate,
    /// The certificate and those after it, in PEM.
    pub certificate_pem: String,
    /// The key, in PEM.
    pub key_pem: String,
}

impl Identity {
    /// Reads a PEM chain and its key, checked to belong together.
    pub fn from_pem(certificate_pem: String, key_pem: String) -> Result<Self, PkiError> {
        let certificate = Certificate::from_pem(&certificate_pem)?;
        if !certificate.is_of_key(Key::from_pem(&key_pem)?.public_der()) {
            return Err(PkiError::Certificate(String::from(
                "the key is not the certificate's",
            )));
        }
        Ok(Self {
            certificate,
            certificate_pem,
            key_pem,
        })
    }

    /// The chain for a TLS library, leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes())
            .flatten()
            .collect()
    }

    /// The key for a TLS library.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, PkiError> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|error| PkiError::Key(error.to_string()))
    }
}

impl TryFrom<Issued> for Identity {
    type Error = PkiError;

    fn try_from(issued: Issued) -> Result<Self, PkiError> {
        Ok(Self {
            certificate_pem: issued.certificate.to_pem(),
            key_pem: issued.key.to_pem()?,
            certificate: issued.certificate,
        })
    }
}

/// Shows no key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("common_name", &self.certificate.common_name)
            .finish_non_exhaustive()
    }
}
