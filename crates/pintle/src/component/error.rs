//! Why a component does not start or does not go on.

use std::path::PathBuf;

use client::config::ConfigError;

/// Why a component does not start or does not go on; each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// Threads or signal handlers could not be had.
    #[error("the process cannot be set up")]
    Process(#[source] std::io::Error),
    /// Nothing says where the API is.
    #[error("neither --kubeconfig nor --master says where the API is")]
    NoServer,
    /// The kubeconfig leads nowhere.
    #[error("the API cannot be reached this way")]
    Config(#[from] ConfigError),
    /// A file that a flag names cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The authority that is to sign certificates cannot.
    #[error("the authority in {path} cannot sign")]
    Authority {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pki::PkiError,
    },
    /// The authority's certificate is named without its key, or the key without the certificate.
    #[error("--cluster-signing-cert-file and --cluster-signing-key-file are given together or not at all")]
    HalfAuthority,
    /// Another copy leads now. What was begun is left to it.
    #[error("leadership was lost; start again to stand for it")]
    LeadershipLost,
    /// A certificate that cannot be served.
    #[error("the serving certificate cannot be used")]
    Serving(#[from] crate::node::CertificateError),
    /// A certificate or key that cannot be read or made.
    #[error("the serving certificate cannot be read or made")]
    Certificate(#[from] pki::PkiError),
    /// The certificate is named without its key, or the key without the certificate.
    #[error("--tls-cert-file and --tls-private-key-file are given together or not at all")]
    HalfCertificate,
    /// The TLS library refuses it.
    #[error("the serving certificate cannot be used")]
    Tls(#[source] rustls::Error),
    /// A label or taint is none.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
    /// The kubelet.
    #[error(transparent)]
    Kubelet(#[from] kubelet::StartError),
    /// The service proxy.
    #[error(transparent)]
    Proxy(#[from] proxy::StartError),
}
