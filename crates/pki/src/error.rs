//! What can go wrong with keys, certificates and their files.

use std::path::PathBuf;

/// A failure around keys and certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A private key cannot be made, read or used.
    #[error("private key: {0}")]
    Key(String),
    /// A certificate cannot be read or made.
    #[error("certificate: {0}")]
    Certificate(String),
    /// A certificate signing request cannot be read, or does not prove that its sender holds the key.
    #[error("certificate signing request: {0}")]
    Request(String),
    /// A kubeconfig cannot be read.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// A file cannot be read or written.
    #[error("{path}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is there but holds something else.
    #[error("{path}", path = path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<PkiError>,
    },
}

impl PkiError {
    pub(crate) fn in_file(self, path: impl Into<PathBuf>) -> Self {
        Self::Content {
            path: path.into(),
            source: Box::new(self),
        }
    }
}
