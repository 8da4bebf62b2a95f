//! From a socket to a call: accepting, TLS, HTTP/1.1 and h2, limits, and an end in good order.

mod certificate;
mod client_certificate;
mod connection;
mod limits;
mod listen;
mod poll_again;
mod tls;

pub use certificate::ReloadableCertificate;
pub use client_certificate::AnyClientCertificate;
pub use connection::Peer;
pub use limits::Limits;
pub use listen::{Server, ServerError};
pub use tls::tls_config;
