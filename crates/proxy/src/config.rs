//! What the proxy must be told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::family::Family;

/// What the proxy must be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node: which endpoints are local.
    pub node_name: String,
    /// The node's own addresses, at most one of each family. Their families are those that are served.
    pub node_ips: Vec<IpAddr>,
    /// The addresses of all pods. Traffic to a ClusterIP from anywhere else is masqueraded; with none given, only hairpin
    /// traffic is.
    pub cluster_cidr: Vec<IpNet>,
    /// The addresses of all Services: what goes to one that no Service has is dropped, so that it never leaves the node.
    pub service_cidr: Vec<IpNet>,
    /// The node's addresses that serve NodePorts, by network; empty: those of `node_ips`. Loopback addresses never do.
    pub nodeport_addresses: Vec<IpNet>,
    /// Whether all traffic to ClusterIPs is masqueraded.
    pub masquerade_all: bool,
    /// The least time from one change of the rules to the next; changes in between go together.
    pub min_sync_period: Duration,
    /// Where `/healthz` and `/livez` are answered (upstream: port 10256); none: nowhere.
    pub healthz: Option<SocketAddr>,
    /// The `nft` program.
    pub nft: PathBuf,
}

impl Config {
    /// The usual settings of a node.
    pub fn new(node_name: impl Into<String>, node_ips: Vec<IpAddr>) -> Self {
        Self {
            node_name: node_name.into(),
            node_ips,
            cluster_cidr: Vec::new(),
            service_cidr: Vec::new(),
            nodeport_addresses: Vec::new(),
            masquerade_all: false,
            min_sync_period: Duration::from_millis(100),
            healthz: None,
            nft: PathBuf::from("nft"),
        }
    }

    /// The families that are served.
    pub(crate) fn families(&self) -> impl Iterator<Item = Family> {
        Family::BOTH
            .into_iter()
            .filter(|family| !family.addresses(&self.node_ips).is_empty())
    }

    /// Whether NodePorts are served at an address.
    pub(crate) fn serves_node_ports_at(&self, address: IpAddr) -> bool {
        if self.nodeport_addresses.is_empty() {
            self.node_ips.contains(&address)
        } else {
            !address.is_loopback()
                && self
                    .nodeport_addresses
                    .iter()
                    .any(|network| network.contains(&address))
        }
    }
}
