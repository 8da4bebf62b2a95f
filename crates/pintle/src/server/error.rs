//! Why a server does not start; each says what to do about it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Threads or signal handlers could not be had.
    #[error("the process cannot be set up")]
    Runtime {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The port is taken, or the address is not this machine's.
    #[error(
        "cannot listen on {address}; choose another --https-listen-port or --bind-address, or end what uses it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] cluster::DataDirError),
    /// The store cannot be opened.
    #[error("the state in {path} cannot be opened")]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The etcd that was named cannot be used.
    #[error("the cluster's state cannot be kept in etcd")]
    Datastore {
        /// Why.
        #[source]
        source: store_etcd::ConnectError,
    },
    /// The etcd that was named cannot be read.
    #[error("the cluster's state in etcd cannot be read")]
    ReadDatastore {
        /// Why.
        #[source]
        source: store::StoreError,
    },
    /// What clients of etcd were granted cannot be read or looked after.
    #[error("the leases in the cluster's state cannot be looked after")]
    Leases {
        /// Why.
        #[source]
        source: store::StoreError,
    },
    /// The store is not this server's to serve.
    #[error("--etcd-listen serves the server's own store, which it has not with --datastore-endpoint")]
    ForeignStore,
    /// The port for clients of etcd is taken, or the address is not this machine's.
    #[error(
        "cannot listen on {address} for clients of etcd; choose another --etcd-listen, or end what uses it"
    )]
    EtcdListen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificates for clients of etcd cannot be used.
    #[error("the store cannot be served to clients of etcd")]
    EtcdTls {
        /// Why.
        #[source]
        source: etcd_api::server::TlsError,
    },
    /// The servers over a datastore do not agree.
    #[error(transparent)]
    Agreement(#[from] super::agreement::AgreementError),
    /// Keys or certificates cannot be made or read.
    #[error("the certificates in {path} cannot be used")]
    Pki {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: pki::PkiError,
    },
    /// The token with which nodes join is none.
    #[error(
        "the token cannot be used; give another --token, or remove the file node-token to have a new one made"
    )]
    Token {
        /// Why.
        #[source]
        source: cluster::token::TokenError,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// An authenticator cannot be set up.
    #[error("authentication cannot be set up: {0}")]
    Authentication(String),
    /// The TLS library refuses the certificate.
    #[error("TLS cannot be set up")]
    Tls {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The objects every cluster has cannot be written or read.
    #[error("the cluster cannot be set up: {0}")]
    Bootstrap(String),
    /// A file that tells of the server cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that an option names cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate is named without its key, or a key without its certificate.
    #[error("{path} is given alone: a certificate and its key are named together")]
    HalfPair {
        /// The one that is there.
        path: PathBuf,
    },
    /// A plugin that upstream has and pintle does not.
    #[error("the admission plugin {0} is not served by pintle yet")]
    Plugin(String),
    /// What requests do cannot be written.
    #[error(transparent)]
    Audit(#[from] audit::StartError),
    /// Containers need a node.
    #[error("--self-hosted runs the control plane in containers of this node; leave --disable-agent out")]
    NoNode,
    /// The static pod or its image cannot be written.
    #[error("the control plane's static pod cannot be prepared")]
    Prepare {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The self-hosted form cannot be left.
    #[error(transparent)]
    Leave(#[from] crate::selfhosted::LeaveError),
    /// A kubeconfig of the data directory leads nowhere.
    #[error("{path} cannot be used")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: client::config::ConfigError,
    },
    /// Scheduled backups cannot be made as they are asked for.
    #[error("scheduled backups cannot be made")]
    Backup(#[source] backup::BackupError),
    /// The listening socket broke.
    #[error("the server ended")]
    Serve {
        /// Why.
        #[source]
        source: apiserver::ServerError,
    },
    /// The node's part.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
    /// A defect.
    #[error("the server ended by a defect; the log says where")]
    Panicked,
}

impl StartError {
    /// From an error of reading or writing keys, certificates and tokens.
    pub(super) fn pki(path: &Path) -> impl Fn(pki::PkiError) -> Self {
        move |source| Self::Pki {
            path: path.to_owned(),
            source,
        }
    }

    /// From an error of opening the store.
    pub(super) fn store<E>(path: PathBuf) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Store {
            path,
            source: Box::new(source),
        }
    }
}
