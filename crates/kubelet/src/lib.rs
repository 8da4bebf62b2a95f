//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.
#![allow(dead_code, unused_imports, reason = "rooms are furnished one by one")]

pub mod containerd;
mod cri;
pub mod image;
mod plan;
mod pod;
mod status;
#[cfg(test)]
mod testing;
