//! What the DNS server must be told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

/// What the DNS server must be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens, by UDP and TCP. Addresses of the machine rather than "any": the answer must come from the address
    /// that was asked.
    pub listen: Vec<SocketAddr>,
    /// The cluster's domain.
    pub domain: String,
    /// The file that names the servers for all other names; it is read again when it changes.
    pub resolv_conf: PathBuf,
    /// Addresses that are never asked, because they lead back here: those of the cluster's DNS Service.
    pub service_addresses: Vec<IpAddr>,
    /// Addresses of pods and Services: if nobody has one, others are not asked whose it is.
    pub own_networks: Vec<IpNet>,
    /// Seconds that answers may be kept.
    pub ttl_seconds: u32,
    /// Where `/ready` and `/health` are answered; none: nowhere.
    pub ready: Option<SocketAddr>,
}

impl Config {
    /// The usual settings.
    pub fn new(listen: Vec<SocketAddr>) -> Self {
        Self {
            listen,
            domain: String::from("cluster.local"),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            service_addresses: Vec::new(),
            own_networks: Vec::new(),
            ttl_seconds: 30,
            ready: None,
        }
    }
}
