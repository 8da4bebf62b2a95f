//! TLS towards the members.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::TlsFiles;
use crate::connect::ConnectError;

/// The configuration that the files make, or none if there are no files.
pub(crate) fn config(files: &TlsFiles) -> Result<Option<Arc<ClientConfig>>, ConnectError> {
    let Some(authority) = &files.authority else {
        return Ok(None);
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error: &dyn std::error::Error| ConnectError::Pem {
            path,
            problem: error.to_string(),
        }
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots
            .add(certificate)
            .map_err(|error| refused(authority)(&error))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| refused(authority)(&error))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(authority)(&error))?
        .with_webpki_verifier(verifier);
    let mut config = match (&files.certificate, &files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| refused(certificate)(&error))?,
        (Some(path), None) | (None, Some(path)) => return Err(ConnectError::HalfPair { path: path.clone() }),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::Read {
        path: path.to_owned(),
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(pem(path, "it holds no certificate")),
        Err(error) => Err(pem(path, error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => pem(path, "it holds no private key"),
        error => pem(path, error),
    })
}

fn pem(path: &Path, problem: impl ToString) -> ConnectError {
    ConnectError::Pem {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
