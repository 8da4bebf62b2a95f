//! What the network of a node is told.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipnet::Ipv4Net;
use linux::Nft;

use crate::names::INTERFACE_NAME_MAX;

/// Settings of [`run`](crate::run).
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's name, by which it finds itself among the cluster's.
    pub node_name: String,
    /// The addresses of all pods.
    pub cluster_cidr: Ipv4Net,
    /// The addresses of all Services.
    pub service_cidr: Ipv4Net,
    /// The name of the bridge of the node's pods.
    pub bridge: String,
    /// The folder where the container runtime looks for networks.
    pub cni_conf_dir: PathBuf,
    /// A folder for the ledger of addresses, kept over restarts.
    pub state_dir: PathBuf,
    /// The largest packet of pods, bytes; by default the node's own, less what the tunnel adds.
    pub mtu: Option<u32>,
    /// How nodes are reached that are no neighbours; none: not at all.
    pub tunnel: Option<Tunnel>,
    /// The program that loads rules.
    pub nft: Nft,
}

/// A VXLAN tunnel between nodes; every node of the cluster needs the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Its number.
    pub vni: u32,
    /// Its UDP port.
    pub port: u16,
}

impl Default for Tunnel {
    fn default() -> Self {
        Self { vni: 1, port: 8472 }
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Not a name that an interface can have.
    #[error("{0:?} is no name for a network interface")]
    Bridge(String),
    /// An address would mean two things.
    #[error("the pods' addresses {0} overlap the Services' {1}")]
    Overlap(Ipv4Net, Ipv4Net),
    /// Smaller than IPv4 allows, or larger than a packet can be.
    #[error("an MTU of {0} is not between 576 and 65535")]
    Mtu(u32),
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !is_interface_name(&self.bridge) {
            return Err(ConfigError::Bridge(self.bridge.clone()));
        }
        if overlap(self.cluster_cidr, self.service_cidr) {
            return Err(ConfigError::Overlap(self.cluster_cidr, self.service_cidr));
        }
        match self.mtu {
            Some(mtu) if !(576..=65535).contains(&mtu) => Err(ConfigError::Mtu(mtu)),
            _ => Ok(()),
        }
    }
}

/// Whether the kernel takes it as a name, and rules can hold it in quotes.
pub fn is_interface_name(name: &str) -> bool {
    let fits = (1..=INTERFACE_NAME_MAX).contains(&name.len()) && !matches!(name, "." | "..");
    let bad = |byte: u8| matches!(byte, b'/' | b':' | b'"' | b'\\' | b'*' | b'%') || !byte.is_ascii_graphic();
    fits && !name.bytes().any(bad)
}

/// Whether two ranges share an address.
pub fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// The node's own address in its pods' range: the first after the range's own.
pub fn gateway(pod_cidr: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(pod_cidr.network().to_bits().saturating_add(1))
}

#[cfg(test)]
pub(crate) fn example() -> Config {
    let net = |text: &str| text.parse().unwrap();
    Config {
        node_name: "a".to_owned(),
        cluster_cidr: net("10.42.0.0/16"),
        service_cidr: net("10.43.0.0/16"),
        bridge: crate::DEFAULT_BRIDGE.to_owned(),
        cni_conf_dir: "/none/conf".into(),
        state_dir: "/none/state".into(),
        mtu: None,
        tunnel: None,
        nft: Nft::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_refused() {
        assert_eq!(example().check(), Ok(()));
        let check = |change: fn(&mut Config)| {
            let mut config = example();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(
            check(|config| config.bridge = "a/b".to_owned()),
            r#""a/b" is no name for a network interface"#
        );
        assert_eq!(
            check(|config| config.service_cidr = "10.42.128.0/17".parse().unwrap()),
            "the pods' addresses 10.42.0.0/16 overlap the Services' 10.42.128.0/17"
        );
        assert_eq!(
            check(|config| config.mtu = Some(100)),
            "an MTU of 100 is not between 576 and 65535"
        );
    }
}
