//! TLS: the server's certificate, and whose certificates clients must show.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read, or holds no such thing.
    #[error("reading {what} from {path}: {problem}")]
    File {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key do not go together, or with what TLS wants.
    #[error("the certificate of the server")]
    Certificate(#[source] rustls::Error),
    /// The authorities of clients cannot be used.
    #[error("the authorities of client certificates: {0}")]
    Authorities(String),
}

/// Files as etcd's flags name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of client certificates; without, none is asked for.
    pub client_authority: Option<PathBuf>,
}

/// TLS 1.2 and 1.3. With authorities, clients must show a certificate from one of them.
pub fn config(
    certificate: Arc<dyn ResolvesServerCert>,
    client_authorities: Option<Vec<CertificateDer<'static>>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots
                    .add(authority)
                    .map_err(|error| TlsError::Authorities(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| TlsError::Authorities(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// [`config`] with what lies in files. The certificate is read again when its file has changed; the authorities are not.
pub fn files_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let certificate = FileCertificate::read(files.clone())?;
    let authorities = files
        .client_authority
        .as_ref()
        .map(|path| certificates(path, "the authorities of clients"))
        .transpose()?;
    config(Arc::new(certificate), authorities)
}

/// A certificate that follows its file: whoever renews it need not tell. A new connection asks whether the file is another one; files
/// that are mounted into a container change by links elsewhere, which gives no event of the file.
#[derive(Debug)]
struct FileCertificate {
    files: TlsFiles,
    current: Mutex<Dated>,
}

#[derive(Clone, Debug)]
struct Dated {
    modified: Option<SystemTime>,
    certified: Arc<CertifiedKey>,
}

impl FileCertificate {
    fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let current = Dated {
            modified: modified(&files.certificate),
            certified: certified(&files)?,
        };
        Ok(Self {
            files,
            current: Mutex::new(current),
        })
    }
}

impl ResolvesServerCert for FileCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock();
        let modified = modified(&self.files.certificate);
        if modified != current.modified {
            match certified(&self.files) {
                Ok(certified) => *current = Dated { modified, certified },
                // The key may be on its way still; the old one serves until the next connection.
                Err(error) => tracing::warn!(%error, "the changed certificate cannot be used"),
            }
        }
        Some(current.certified.clone())
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn certified(files: &TlsFiles) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(&files.certificate, "the server's certificate")?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| TlsError::File {
        what: "the server's key",
        path: files.key.clone(),
        problem: error.to_string(),
    })?;
    let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    certified.map(Arc::new).map_err(TlsError::Certificate)
}

fn certificates(path: &PathBuf, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |problem: String| TlsError::File {
        what,
        path: path.clone(),
        problem,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| wrong(error.to_string()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong(String::from("there is no certificate in it")));
    }
    Ok(certificates)
}
