//! Pod network of a node: the CNI plugin, addresses and routes between nodes.
//!
//! Every pod has a cable to the node's bridge and one address of the node's range. Pods do not take each other for
//! neighbours: all they send goes to the bridge's own address, and the node routes it. So pods of one node meet the same
//! rules as all others (the service proxy's, say), without the kernel's `br_netfilter`.
//!
//! Between nodes, packets take plain routes where nodes are neighbours, and a VXLAN tunnel elsewhere, if that is wanted.
//! What is for the cluster's ranges and known to nobody dies on the node; it never leaves by the default route.
//!
//! [`run`] keeps the node's part: bridge, routes, rules. [`cni`] is the plugin the container runtime calls. They share
//! only what the network's configuration file says and the [`ledger`] of addresses.
//!
//! NetworkPolicy is not enforced here, and the network is IPv4's.

mod apply;
mod cleanup;
pub mod cni;
mod config;
mod conflist;
mod host_ports;
mod ledger;
mod names;
mod node;
mod plan;
mod run;

pub use cleanup::{CleanupError, Traces, cleanup};
pub use config::{Config, ConfigError, Tunnel};
pub use names::DEFAULT_BRIDGE;
pub use run::{StartError, run};
