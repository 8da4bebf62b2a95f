//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.
#![allow(dead_code, reason = "rooms are furnished one by one")]

pub mod containerd;
mod cri;
pub mod image;
#[cfg(test)]
mod testing;
