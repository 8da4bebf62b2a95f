//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.

mod admission;
mod config;
mod container;
pub mod containerd;
#[allow(
    dead_code,
    reason = "the rest of the interface is for what the server will show"
)]
mod cri;
mod hooks;
pub mod image;
mod images;
mod node;
mod objects;
mod plan;
mod pod;
mod probes;
mod publish;
mod resize;
mod server;
mod source;
mod start;
mod status;
#[cfg(test)]
mod testing;
mod volumes;
mod worker;

pub use config::{Config, RuntimeConfig, ServerConfig};
pub use node::eviction::{EvictionSettings, Least, Signal, Threshold, ThresholdError};
pub use server::{FixedCertificate, ServerError};
pub use start::{StartError, run};
