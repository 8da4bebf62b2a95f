//! The kubelet's own server: logs, exec, attach, port-forward, and what is known of the node's pods, over HTTPS.
//!
//! Who asks is found out from a client certificate or, by a TokenReview, from a bearer token; whether they may, from a
//! SubjectAccessReview on `nodes/proxy` and its finer parts. Streams to containers are handed through to the streaming
//! server of the container runtime byte for byte.

mod access;
mod address;
mod container;
mod handle;
mod listen;
mod log;
mod pods;
mod proxy;
mod query;
mod reply;
mod route;
mod run_command;
mod settings;
mod stats;
mod streams;
#[cfg(test)]
mod tests;
mod view;

pub use listen::{Server, ServerError};
pub use settings::{FixedCertificate, Settings};
pub use view::NodeView;
