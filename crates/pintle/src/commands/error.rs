//! Why a command fails.

use std::path::PathBuf;

/// Why a command fails; each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Threads could not be had.
    #[error("the process cannot be set up")]
    Process(#[source] std::io::Error),
    /// There is no cluster in the data directory, or it is another's.
    #[error("{path} cannot be read; is there a cluster in this --data-dir?")]
    NoCluster {
        /// The file that a cluster has.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A kubeconfig leads nowhere.
    #[error("the kubeconfig cannot be used; give another --kubeconfig")]
    Config(#[from] client::config::ConfigError),
    /// The API refused, or does not answer.
    #[error("{doing}")]
    Api {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: client::Error,
    },
    /// Keys, certificates or kubeconfigs cannot be used.
    #[error("{doing}")]
    Pki {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: pki::PkiError,
    },
    /// A file cannot be written or removed.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A backup cannot be written, read or restored.
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    /// The etcd that was named cannot be used.
    #[error("the cluster's state cannot be kept in etcd")]
    Datastore(#[source] store_etcd::ConnectError),
    /// A new passphrase was not typed twice.
    #[error("the passphrases are not the same")]
    PassphrasesDiffer,
    /// A text names no object.
    #[error("{0:?} names no object: it is RESOURCE/NAME, as in deploy/web")]
    ObjectName(String),
    /// An object has no form that can be printed.
    #[error("the object cannot be printed: {0}")]
    Unprintable(String),
    /// The data directory is in use, or cannot be used.
    #[error(transparent)]
    DataDir(#[from] cluster::DataDirError),
    /// A text is no bootstrap token.
    #[error("{0:?} is no token: one is [a-z0-9]{{6}}.[a-z0-9]{{16}}")]
    Token(String),
    /// A text is no token that servers take.
    #[error("the token cannot be used")]
    NewToken(#[source] cluster::token::TokenError),
    /// A token's ID is its name.
    #[error("the new token has the same ID as the old one, {0:?}; give another")]
    SameToken(String),
    /// The servers' agreement is where the state is.
    #[error(
        "{0} holds no state of its own: the cluster is kept in an etcd, and its servers agree there; give --datastore-endpoint as \
         the server has it"
    )]
    SharedToken(PathBuf),
    /// What servers agree on cannot be changed.
    #[error("the servers' token is not changed")]
    Agreement(#[source] crate::server::AgreementError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// What is asked for is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// containerd or its tools are not installed.
    #[error(transparent)]
    Machine(#[from] kubelet::containerd::MissingProgram),
    /// containerd does not take part.
    #[error("containerd does not answer on {0}; is `pintle server` or `pintle agent` running?")]
    NoContainerd(PathBuf),
    /// An image was not loaded.
    #[error(transparent)]
    Image(#[from] kubelet::image::import::ImportError),
    /// `ctr` could not say what there is.
    #[error("images cannot be listed: {0}")]
    Listing(String),
    /// Some certificates no longer hold.
    #[error("{0} of the certificates have expired; restart the server to have them made anew")]
    Expired(usize),
    /// The state store cannot be looked at.
    #[error("the state store cannot be read")]
    Store(#[from] ::store::StoreError),
    /// The state store is damaged.
    #[error("{path} is damaged in {count} places")]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// The API does not say that it is ready.
    #[error("the cluster is not ready")]
    NotReady,
}

impl CommandError {
    /// From an error of the API, with what was tried.
    pub fn api(doing: &'static str) -> impl FnOnce(client::Error) -> Self {
        move |source| Self::Api { doing, source }
    }

    /// From an error of keys and certificates, with what was tried.
    pub fn pki(doing: &'static str) -> impl FnOnce(pki::PkiError) -> Self {
        move |source| Self::Pki { doing, source }
    }
}
