//! What is known for good of neighbours: hardware addresses, and where a tunnel finds them.

use std::net::IpAddr;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};

use super::{Mac, Netlink, NetlinkError, collect, explain};

/// An entry that does not age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Neighbour {
    /// An address on an interface has that hardware address.
    Address {
        /// The interface.
        link: u32,
        /// The address.
        ip: IpAddr,
        /// The hardware address.
        mac: Mac,
    },
    /// A tunnel reaches a hardware address at another end.
    Tunnel {
        /// The tunnel.
        link: u32,
        /// The hardware address.
        mac: Mac,
        /// The other end.
        end: IpAddr,
    },
}

impl Netlink {
    /// The lasting entries of one interface.
    pub async fn neighbours(&self, link: u32) -> Result<Vec<Neighbour>, NetlinkError> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Bridge] {
            let dump = self
                .handle
                .neighbours()
                .get()
                .set_address_family(family)
                .execute();
            found.extend(collect("neighbours", dump, |message| Neighbour::read(link, &message)).await?);
        }
        Ok(found)
    }

    /// Adds an entry. It is no error if it is there already.
    pub async fn add_neighbour(&self, neighbour: Neighbour) -> Result<(), NetlinkError> {
        let neighbours = self.handle.neighbours();
        let request = match neighbour {
            Neighbour::Address { link, ip, mac } => {
                neighbours.add(link, ip).link_layer_address(&mac.0).replace()
            }
            Neighbour::Tunnel { link, mac, end } => neighbours
                .add_bridge(link, &mac.0)
                .destination(end)
                .flags(NeighbourFlags::Own)
                .replace(),
        };
        let outcome = request.execute().await;
        outcome.map_err(explain(|| format!("add the neighbour {neighbour:?}")))
    }

    /// Removes an entry. It is no error if it is gone already.
    pub async fn delete_neighbour(&self, neighbour: Neighbour) -> Result<(), NetlinkError> {
        let outcome = self.handle.neighbours().del(neighbour.message()).execute().await;
        match outcome.map_err(explain(|| format!("remove the neighbour {neighbour:?}"))) {
            Err(error) if error.is_missing() => Ok(()),
            outcome => outcome,
        }
    }
}

impl Neighbour {
    fn message(self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        let (family, link, ip, mac) = match self {
            Self::Address { link, ip, mac } if ip.is_ipv4() => (AddressFamily::Inet, link, ip, mac),
            Self::Address { link, ip, mac } => (AddressFamily::Inet6, link, ip, mac),
            Self::Tunnel { link, mac, end } => (AddressFamily::Bridge, link, end, mac),
        };
        message.header.family = family;
        message.header.ifindex = link;
        message.header.state = NeighbourState::Permanent;
        if family == AddressFamily::Bridge {
            message.header.flags = NeighbourFlags::Own;
        }
        let destination = match ip {
            IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
            IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
        };
        message.attributes = vec![
            NeighbourAttribute::Destination(destination),
            NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
        ];
        message
    }

    fn read(link: u32, message: &NeighbourMessage) -> Option<Self> {
        let header = &message.header;
        if header.ifindex != link || header.state != NeighbourState::Permanent {
            return None;
        }
        let ip = message.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(address) => ip(address),
            _ => None,
        })?;
        let mac = message.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => bytes.as_slice().try_into().ok().map(Mac),
            _ => None,
        })?;
        Some(if header.family == AddressFamily::Bridge {
            Self::Tunnel { link, mac, end: ip }
        } else {
            Self::Address { link, ip, mac }
        })
    }
}

fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(ip) => Some(IpAddr::from(*ip)),
        NeighbourAddress::Inet6(ip) => Some(IpAddr::from(*ip)),
        // Those of tunnels come as bytes.
        NeighbourAddress::Other(bytes) => match *bytes.as_slice() {
            [a, b, c, d] => Some([a, b, c, d].into()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        },
        _ => None,
    }
}
