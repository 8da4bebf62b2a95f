//! What one Service puts into the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::family::Family;

/// A chain or set of ours: the table and the name.
pub(crate) type Named = (Family, String);

/// The maps and sets that all Services share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Map {
    /// Address, protocol and port to the chain that serves them.
    ServiceIps,
    /// The same for NodePorts: protocol and port.
    NodePorts,
    /// Address, protocol and port that have no endpoint, to what happens instead.
    NoEndpointIps,
    /// The same for NodePorts.
    NoEndpointNodePorts,
    /// Address, protocol and port of load balancers that not everyone may use.
    FirewallIps,
    /// ClusterIPs: ports of these that no Service has are rejected.
    ClusterIps,
}

impl Map {
    pub(crate) const ALL: [Self; 6] = [
        Self::ServiceIps,
        Self::NodePorts,
        Self::NoEndpointIps,
        Self::NoEndpointNodePorts,
        Self::FirewallIps,
        Self::ClusterIps,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceIps => "service-ips",
            Self::NodePorts => "service-nodeports",
            Self::NoEndpointIps => "no-endpoint-ips",
            Self::NoEndpointNodePorts => "no-endpoint-nodeports",
            Self::FirewallIps => "firewall-ips",
            Self::ClusterIps => "cluster-ips",
        }
    }
}

/// An element of a shared map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ElementKey {
    pub(crate) family: Family,
    pub(crate) map: Map,
    pub(crate) key: String,
}

/// Where clients send the datagrams of a UDP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Front {
    Address(SocketAddr),
    NodePort(u16),
}

/// A port on which load balancers ask whether this node has endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    pub(crate) port: u16,
    pub(crate) local_endpoints: usize,
}

/// What one Service puts into the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Chains with their rules.
    pub(crate) chains: BTreeMap<Named, Vec<String>>,
    /// Sets of client addresses, with the seconds an address stays.
    pub(crate) sets: BTreeMap<Named, u32>,
    /// Elements of shared maps with their verdicts; those of sets have an empty one.
    pub(crate) elements: BTreeMap<ElementKey, String>,
    pub(crate) health: Option<HealthCheck>,
    /// Where datagrams may go, by where they are sent.
    pub(crate) udp: BTreeMap<Front, BTreeSet<SocketAddr>>,
}

impl Unit {
    pub(crate) fn element(&mut self, family: Family, map: Map, key: String, verdict: impl Into<String>) {
        self.elements
            .insert(ElementKey { family, map, key }, verdict.into());
    }

    pub(crate) fn chain(&mut self, family: Family, name: impl Into<String>, rules: Vec<String>) {
        self.chains.insert((family, name.into()), rules);
    }

    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.elements.is_empty() && self.health.is_none()
    }
}
