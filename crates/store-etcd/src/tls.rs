//! TLS towards the members. Whoever renews a certificate, or the authorities, only replaces the files: every new connection is made
//! with what is in them then.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::TlsFiles;
use crate::connect::ConnectError;

/// A configuration that follows its files.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    current: Mutex<Dated>,
}

/// A configuration, and what the files were like that it is made of.
#[derive(Debug)]
struct Dated {
    stamps: Stamps,
    config: Arc<ClientConfig>,
}

/// When each file was last changed, and which one it is.
type Stamps = [Option<(SystemTime, u64)>; 3];

impl Tls {
    /// Of these files; none if no authority is named.
    pub(crate) fn read(files: &TlsFiles) -> Result<Option<Arc<Self>>, ConnectError> {
        let Some(authority) = &files.authority else {
            return Ok(None);
        };
        let current = Dated {
            stamps: stamps(files),
            config: config(authority, files)?,
        };
        Ok(Some(Arc::new(Self {
            files: files.clone(),
            current: Mutex::new(current),
        })))
    }

    /// For a new connection.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut current = self.current.lock();
        let stamps = stamps(&self.files);
        if let Some(authority) = &self.files.authority
            && stamps != current.stamps
        {
            match config(authority, &self.files) {
                Ok(config) => {
                    tracing::info!("the certificates for etcd were read again");
                    *current = Dated { stamps, config };
                }
                // A file may be on its way still; the next connection looks again.
                Err(error) => tracing::warn!(%error, "changed certificates for etcd cannot be used"),
            }
        }
        current.config.clone()
    }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.authority, &files.certificate, &files.key].map(|path| {
        let metadata = path.as_ref()?.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.ino()))
    })
}

/// The configuration that the files make.
fn config(authority: &Path, files: &TlsFiles) -> Result<Arc<ClientConfig>, ConnectError> {
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
    Ok(Arc::new(config))
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
