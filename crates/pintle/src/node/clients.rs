//! The clients of a node's parts: each under its own identity.

use client::Client;
use pki::NodePart;

/// The clients of a node's parts.
#[derive(Clone)]
pub struct NodeClients {
    /// The node's own (`system:node:NAME`): the kubelet's.
    pub(super) kubelet: Client,
    pub(super) proxy: Client,
    pub(super) network: Client,
    pub(super) dns: Client,
}

impl NodeClients {
    /// From the node's own client, and what gives those of its parts.
    pub fn new<E>(node: &Client, mut of_part: impl FnMut(NodePart) -> Result<Client, E>) -> Result<Self, E> {
        let mut part = |part, agent: &str| of_part(part).map(|client| client.named(agent));
        Ok(Self {
            kubelet: node.named("kubelet"),
            proxy: part(NodePart::Proxy, "kube-proxy")?,
            network: part(NodePart::PodNetwork, "pintle-network")?,
            dns: part(NodePart::ClusterDns, "pintle-dns")?,
        })
    }

    /// The client that may read where the masters are: the proxy's, which follows all Services.
    pub fn of_masters(&self) -> Client {
        self.proxy.named("pintle-masters")
    }
}
