//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.
#![allow(dead_code, unused_imports, reason = "rooms are furnished one by one")]

mod admission;
pub mod containerd;
mod cri;
pub mod image;
mod node;
mod plan;
mod pod;
mod publish;
pub mod server;
mod source;
mod status;
#[cfg(test)]
mod testing;
