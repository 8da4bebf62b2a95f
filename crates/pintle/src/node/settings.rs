//! What the parts of a node are told.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use cluster::shared::Shared;

use super::options::NodeOptions;
use crate::flags::proxy::USUAL_HEALTH_PORT;

/// What the parts of a node are told.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The node's name.
    pub(super) name: String,
    /// Its address.
    pub(super) ip: IpAddr,
    /// The data directory.
    pub(super) data_dir: PathBuf,
    /// What is the same on all nodes.
    pub(super) shared: Shared,
    /// The authority of the cluster's clients, PEM.
    pub(super) authority: String,
    /// The options, for what only one part needs.
    pub(super) options: NodeOptions,
}

impl NodeSettings {
    /// From the options, the cluster's own settings and the authority that signs its clients (PEM).
    pub fn new(options: &NodeOptions, data_dir: &Path, shared: Shared, authority: String) -> Self {
        Self {
            name: options.name(),
            ip: options.ip(),
            data_dir: data_dir.to_owned(),
            shared,
            authority,
            options: options.clone(),
        }
    }

    /// Where the node keeps what is its own.
    pub(super) fn agent(&self) -> PathBuf {
        self.data_dir.join("agent")
    }

    /// Where the container runtime looks for networks.
    pub(super) fn cni_conf_dir(&self) -> PathBuf {
        self.agent().join("cni/net.d")
    }

    /// Where the container runtime looks for network plugins.
    pub(super) fn cni_bin_dir(&self) -> PathBuf {
        self.agent().join("cni/bin")
    }

    pub(super) fn network(&self) -> network::Config {
        network::Config {
            node_name: self.name.clone(),
            cluster_cidr: self.shared.cluster_cidr,
            service_cidr: self.shared.service_cidr,
            bridge: network::DEFAULT_BRIDGE.to_owned(),
            cni_conf_dir: self.cni_conf_dir(),
            state_dir: self.agent().join("network"),
            mtu: None,
            tunnel: Some(network::Tunnel::default()),
            nft: linux::Nft::default(),
        }
    }

    pub(super) fn proxy(&self) -> proxy::Config {
        proxy::Config {
            cluster_cidr: vec![self.shared.cluster_cidr.into()],
            service_cidr: vec![self.shared.service_cidr.into()],
            healthz: (self.options.proxy.health).unwrap_or(Some((self.ip, USUAL_HEALTH_PORT).into())),
            ..proxy::Config::new(self.name.clone(), vec![self.ip])
        }
    }

    /// DNS that listens there.
    pub(super) fn dns(&self, address: SocketAddr) -> dns::Config {
        dns::Config {
            domain: self.shared.cluster_domain.clone(),
            resolv_conf: self.options.resolv_conf.clone(),
            service_addresses: vec![self.shared.cluster_dns],
            own_networks: vec![self.shared.cluster_cidr.into(), self.shared.service_cidr.into()],
            ..dns::Config::new(vec![address])
        }
    }
}
