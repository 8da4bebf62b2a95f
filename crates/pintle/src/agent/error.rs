//! Why an agent does not start; each says what to do about it.

use std::path::PathBuf;

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Threads or signal handlers could not be had.
    #[error("the process cannot be set up")]
    Runtime(#[source] std::io::Error),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] cluster::DataDirError),
    /// The token file cannot be read.
    #[error("the token file {path} cannot be read")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token is none.
    #[error("the token cannot be used")]
    Token(#[from] cluster::token::TokenError),
    /// The cluster does not take the node.
    #[error("this machine cannot join {server}")]
    Join {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: cluster::join::JoinError,
    },
    /// What is given as a server is none.
    #[error("--server is not the address of a server; give https://HOST:PORT")]
    Server(#[source] client::config::ConfigError),
    /// The certificate that joining gave cannot be used.
    #[error("the node's certificate cannot be used; remove {path} to join anew")]
    Config {
        /// The kubeconfig.
        path: PathBuf,
        /// Why.
        #[source]
        source: client::config::ConfigError,
    },
    /// The kubelet's certificate cannot be served.
    #[error("the kubelet's serving certificate cannot be used")]
    Serving(#[from] crate::node::CertificateError),
    /// What every node must know is not there.
    #[error("the cluster's settings cannot be read")]
    Shared(#[from] super::shared::ReadError),
    /// The node's parts cannot be started.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
}
