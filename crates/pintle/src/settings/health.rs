//! Where a component that runs alone says whether it is well.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// On which of the machine's addresses.
    pub address: IpAddr,
    /// Nought for nowhere.
    pub port: u16,
}

impl HealthSettings {
    /// On all addresses.
    pub fn everywhere(port: u16) -> Self {
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            port,
        }
    }

    /// For this machine alone.
    pub const fn local(port: u16) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port,
        }
    }

    /// Where to listen, if anywhere.
    pub fn socket(&self) -> Option<SocketAddr> {
        (self.port != 0).then(|| (self.address, self.port).into())
    }
}
