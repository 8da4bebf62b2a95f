//! Why `pintle etcd` does not run.

use std::path::PathBuf;

use etcd_api::server::TlsError;
use store::StoreError;

/// Why `pintle etcd` does not run; each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// Threads or signal handlers could not be had.
    #[error("the process cannot be set up")]
    Runtime {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen on {url}; choose another --listen-client-urls, or end what uses it")]
    Listen {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A URL with https needs more.
    #[error("--listen-client-urls has a URL with https, which needs --cert-file and --key-file")]
    NoCertificate,
    /// A certificate without its key, or the other way round.
    #[error("--cert-file and --key-file go together")]
    HalfPair,
    /// Nobody could be let in.
    #[error("--client-cert-auth needs --trusted-ca-file, which says whose certificates are believed")]
    NoAuthority,
    /// A value that is none.
    #[error("{0:?} is no --auto-compaction-retention for --auto-compaction-mode={1}")]
    Retention(String, &'static str),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store cannot be opened.
    #[error("the state in {path} cannot be opened")]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The socket broke.
    #[error("clients can no longer be served")]
    Serve {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A part of the server panicked, and has said so.
    #[error("the server ended by surprise")]
    Panicked,
}
