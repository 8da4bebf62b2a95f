//! The Node object: registration, status, lease, and what the node does when it runs short of something.

pub mod eviction;
mod lease;
pub mod machine;
mod news;
mod registration;
pub mod status;
mod watcher;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Taint;

pub use eviction::{EvictionSettings, Pressure};
pub use lease::renew_lease;
pub use machine::FileSystem;
pub use news::NodeVoice;
pub use watcher::{NodeShared, NodeWatcher, Readiness, Relief};

use crate::pod::resources::ResourceList;

/// What a node is to be, as its configuration says.
#[derive(Clone, Debug, Default)]
pub struct NodeIdentity {
    pub name: String,
    /// The machine's own name: one of its addresses.
    pub hostname: String,
    /// The first of each family counts.
    pub ips: Vec<IpAddr>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    /// The port of the kubelet's server.
    pub port: u16,
    /// The version it behaves as: `v1.36.2`.
    pub version: String,
    pub max_pods: u32,
    /// What pods may not claim: kept for the system.
    pub reserved: ResourceList,
}
#[cfg(test)]
mod tests;
