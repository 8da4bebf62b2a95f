//! How much a client may take of the server before it has proved anything.

use std::time::Duration;

/// Limits of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections at most; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Time a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Time from the opening of a connection, or from the end of an answer, to the end of the next request's head
    /// (HTTP/1.1).
    pub header_timeout: Duration,
    /// Bytes of a request's head at most (HTTP/1.1). As many of an answer wait for a client that does not read.
    pub max_header_bytes: usize,
    /// Requests at a time on one h2 connection.
    pub max_concurrent_streams: u32,
    /// How often an h2 connection is asked whether it still lives.
    pub keep_alive_interval: Duration,
    /// How long it has for the answer.
    pub keep_alive_timeout: Duration,
    /// Time open requests have to end at shutdown.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(90),
            max_header_bytes: 64 << 10,
            max_concurrent_streams: 250,
            keep_alive_interval: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
