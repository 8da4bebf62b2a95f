//! What the node's network should be like: decided from what is known of the nodes and seen in the kernel.

mod devices;
mod peers;
mod routes;
mod rules;

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use linux::netlink::{Address, Link, Mac, Neighbour, Route, RouteKind, TunnelEnd};
use linux::nft::Table;

use crate::config::{Config, gateway};
use crate::names::{ROUTE_PROTOCOL, TUNNEL, is_cable};
use crate::node::Place;

pub use devices::{DeviceChange, changes as device_changes};
pub use routes::{RouteChange, changes as route_changes};

/// What VXLAN over IPv4 adds to a packet.
const TUNNEL_OVERHEAD: u32 = 50;
/// If nothing says how large packets may be.
const USUAL_MTU: u32 = 1500;

/// What the kernel has.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// All interfaces.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<Address>,
}

/// The node itself, once it has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its address among nodes.
    pub ip: Ipv4Addr,
    /// Its pods' addresses.
    pub pod_cidr: Ipv4Net,
}

/// What should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The bridge and, if it is needed, the tunnel.
    pub devices: Vec<Device>,
    /// Every route with pintle's mark.
    pub routes: Vec<WantedRoute>,
    /// The tunnel's other ends.
    pub ends: Vec<End>,
    /// The table of rules.
    pub table: Table,
    /// The largest packet of pods.
    pub mtu: u32,
    /// What cannot be as it should.
    pub problems: Vec<Problem>,
}

/// A device of pintle's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Mac,
    /// The largest packet.
    pub mtu: u32,
    /// Its only IPv4 address.
    pub address: Ipv4Net,
    /// What it is.
    pub kind: DeviceKind,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// The pods' bridge.
    Bridge,
    /// The tunnel to nodes that are no neighbours.
    Tunnel(TunnelEnd),
}

/// A route; devices of pintle's own may not be there yet, so they go by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedRoute {
    /// Where to.
    pub destination: Ipv4Net,
    /// Which way.
    pub way: Way,
}

/// A way for packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a neighbour node.
    Neighbour {
        /// Its address.
        gateway: Ipv4Addr,
        /// The interface towards it.
        link: u32,
    },
    /// Through the tunnel, to the end with that address in it.
    Tunnel(Ipv4Addr),
    /// To the bridge, where nobody answers.
    Bridge {
        /// The source address of the node's own packets.
        source: Option<Ipv4Addr>,
    },
    /// Refused.
    Unreachable,
}

/// Another end of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its address in the tunnel: the other node's range itself.
    pub inner: Ipv4Addr,
    /// The node's address.
    pub outer: Ipv4Addr,
}

/// What cannot be as it should, to be told to people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Problem {
    /// A node is no neighbour, and there is no tunnel.
    NotNeighbour {
        /// The node.
        node: String,
        /// Its address.
        ip: Ipv4Addr,
    },
    /// A node's range is not its own.
    RangeTaken {
        /// The node.
        node: String,
        /// Its range.
        range: Ipv4Net,
        /// Whose it is.
        by: String,
    },
    /// Somebody else has made a route to there.
    ForeignRoute(IpNet),
    /// A network of the node's lies within a range of the cluster's.
    WithinRange {
        /// The node's network.
        net: Ipv4Net,
        /// Its interface.
        link: String,
        /// The cluster's range.
        range: Ipv4Net,
    },
    /// The tunnel cannot be made; why.
    NoTunnel(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeighbour { node, ip } => write!(
                f,
                "pods of node {node} cannot be reached: its address {ip} is in no network of this node, and there is no tunnel"
            ),
            Self::RangeTaken { node, range, by } => {
                write!(
                    f,
                    "pods of node {node} cannot be reached: its range {range} overlaps that of {by}"
                )
            }
            Self::WithinRange { net, link, range } => {
                write!(
                    f,
                    "the network {net} of {link} lies within the cluster's range {range}: an address would mean two things"
                )
            }
            Self::NoTunnel(why) => {
                write!(f, "pods of nodes that are no neighbours cannot be reached: {why}")
            }
            Self::ForeignRoute(destination) => {
                write!(
                    f,
                    "there is a route to {destination} that is not pintle's; it is left alone"
                )
            }
        }
    }
}

/// Decides what should be.
pub fn desired(config: &Config, own: Own, places: &[Place], observed: &Observed) -> Desired {
    let uplinks = observed.uplinks(config);
    let mtu = pod_mtu(config, own, &uplinks);
    let mut plan = peers::plan(config, own, places, &uplinks);
    let mut routes = vec![
        WantedRoute {
            destination: config.service_cidr.trunc(),
            way: Way::Bridge {
                source: uplinks.has(own.ip).then_some(own.ip),
            },
        },
        WantedRoute {
            destination: config.cluster_cidr.trunc(),
            way: Way::Unreachable,
        },
    ];
    routes.append(&mut plan.routes);
    // A node that has the cluster's whole range needs no route for the rest.
    routes.retain(|route| route.way != Way::Unreachable || route.destination != own.pod_cidr);
    Desired {
        devices: devices(config, own, &uplinks, mtu, !plan.ends.is_empty()),
        routes,
        ends: plan.ends,
        table: rules::table(config, own),
        mtu,
        problems: [uplinks.within(config), plan.problems].concat(),
    }
}

/// The tunnel is only made when some node needs it: not every kernel can.
fn devices(config: &Config, own: Own, uplinks: &Uplinks<'_>, mtu: u32, tunnel_needed: bool) -> Vec<Device> {
    let bridge_ip = gateway(own.pod_cidr);
    let bridge = Device {
        name: config.bridge.clone(),
        mac: Mac::of_ip(bridge_ip.into()),
        mtu,
        address: Ipv4Net::new_assert(bridge_ip, own.pod_cidr.prefix_len()),
        kind: DeviceKind::Bridge,
    };
    let settings = config.tunnel.filter(|_| tunnel_needed);
    let tunnel = settings.zip(uplinks.of(own.ip)).map(|(tunnel, uplink)| Device {
        name: TUNNEL.to_owned(),
        mac: Mac::of_ip(own.ip.into()),
        mtu,
        address: Ipv4Net::new_assert(own.pod_cidr.network(), 32),
        kind: DeviceKind::Tunnel(TunnelEnd {
            vni: tunnel.vni,
            port: tunnel.port,
            local: own.ip,
            device: uplink.index,
        }),
    });
    [bridge].into_iter().chain(tunnel).collect()
}

fn pod_mtu(config: &Config, own: Own, uplinks: &Uplinks<'_>) -> u32 {
    if let Some(mtu) = config.mtu {
        return mtu;
    }
    let node = uplinks.of(own.ip).map_or(USUAL_MTU, |uplink| uplink.mtu);
    match config.tunnel {
        Some(_) => node.saturating_sub(TUNNEL_OVERHEAD),
        None => node,
    }
}

/// The interfaces that are not pintle's, with their networks.
pub struct Uplinks<'a>(Vec<(&'a Link, Ipv4Net)>);

impl Observed {
    fn uplinks(&self, config: &Config) -> Uplinks<'_> {
        let foreign =
            |link: &&Link| link.name != config.bridge && link.name != TUNNEL && !is_cable(&link.name);
        let links = self.links.iter().filter(foreign);
        let with_nets = links.flat_map(|link| {
            let own = self
                .addresses
                .iter()
                .filter(move |address| address.link == link.index);
            own.filter_map(move |address| match address.net {
                IpNet::V4(net) => Some((link, net)),
                IpNet::V6(_) => None,
            })
        });
        Uplinks(with_nets.collect())
    }

    /// The interface of that name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }
}

impl Uplinks<'_> {
    /// The interface that has that address.
    fn of(&self, ip: Ipv4Addr) -> Option<&Link> {
        self.0
            .iter()
            .find(|(_, net)| net.addr() == ip)
            .map(|(link, _)| *link)
    }

    fn within(&self, config: &Config) -> Vec<Problem> {
        let ranges = [config.cluster_cidr.trunc(), config.service_cidr.trunc()];
        let pairs = self
            .0
            .iter()
            .flat_map(|(link, net)| ranges.map(|range| (link, net.trunc(), range)));
        pairs
            .filter(|(_, net, range)| range.contains(net))
            .map(|(link, net, range)| Problem::WithinRange {
                net,
                link: link.name.clone(),
                range,
            })
            .collect()
    }

    fn has(&self, ip: Ipv4Addr) -> bool {
        self.of(ip).is_some()
    }

    /// The interface on whose network that address is a neighbour.
    fn towards(&self, ip: Ipv4Addr) -> Option<&Link> {
        let up = self.0.iter().filter(|(link, _)| link.up);
        up.filter(|(_, net)| net.contains(&ip))
            .max_by_key(|(_, net)| net.prefix_len())
            .map(|(link, _)| *link)
    }
}

impl WantedRoute {
    /// As the kernel knows it, now that the devices are there.
    pub fn resolve(&self, bridge: u32, tunnel: Option<u32>) -> Option<Route> {
        let mut source = None;
        let kind = match self.way {
            Way::Neighbour { gateway, link } => RouteKind::Via {
                gateway: gateway.into(),
                link,
                onlink: false,
            },
            Way::Tunnel(end) => RouteKind::Via {
                gateway: end.into(),
                link: tunnel?,
                onlink: true,
            },
            Way::Bridge { source: own } => {
                source = own.map(Into::into);
                RouteKind::Link(bridge)
            }
            Way::Unreachable => RouteKind::Unreachable,
        };
        Some(Route {
            destination: self.destination.into(),
            kind,
            source,
            protocol: ROUTE_PROTOCOL,
        })
    }
}

impl End {
    /// What the kernel must know to reach it.
    pub fn neighbours(&self, tunnel: u32) -> [Neighbour; 2] {
        let mac = Mac::of_ip(self.outer.into());
        [
            Neighbour::Address {
                link: tunnel,
                ip: self.inner.into(),
                mac,
            },
            Neighbour::Tunnel {
                link: tunnel,
                mac,
                end: self.outer.into(),
            },
        ]
    }
}

#[cfg(test)]
mod tests;
