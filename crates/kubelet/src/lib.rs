//! The node agent: pod workers, probes, volumes, status, container runtime, streaming server.
#![allow(dead_code, unused_imports, reason = "rooms are furnished one by one")]

mod admission;
mod container;
pub mod containerd;
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
pub mod server;
mod source;
mod status;
#[cfg(test)]
mod testing;
mod volumes;
