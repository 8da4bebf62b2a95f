//! What a store over etcd is told.

use std::path::PathBuf;
use std::time::Duration;

/// Where the etcd cluster is, and how to talk to it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// URLs of members: `https://10.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// Certificates and keys for `https` endpoints.
    pub tls: TlsFiles,
    /// Everything the store keeps has keys that begin with this, and the store sees nothing else. Usually empty.
    pub namespace: Vec<u8>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// PEM files for TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Authorities that sign the members' certificates.
    pub authority: Option<PathBuf>,
    /// Our certificate, if etcd wants one.
    pub certificate: Option<PathBuf>,
    /// The key of our certificate.
    pub key: Option<PathBuf>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// A connection, TLS included.
    pub connect: Duration,
    /// A read from one member, before the next is asked.
    pub read_attempt: Duration,
    /// A write. etcd itself gives up after about 7 s and says so; a member that says nothing for longer hangs.
    pub write_attempt: Duration,
    /// A request with all its attempts.
    pub total: Duration,
    /// Finding a cluster that works, when the store is opened.
    pub start: Duration,
    /// The answer to the question whether the store would take a write.
    pub health: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read_attempt: Duration::from_secs(4),
            write_attempt: Duration::from_secs(8),
            total: Duration::from_secs(15),
            start: Duration::from_secs(20),
            health: Duration::from_secs(2),
        }
    }
}
