//! A pod's cable.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use linux::netlink::{Address, BridgePort, Link, Mac, Route, RouteKind, Veth};
use linux::{Namespace, Netlink, NetlinkError};

use super::error::{CniError, Code};
use crate::names::ROUTE_PROTOCOL;

/// A cable to be laid.
pub struct Cable<'a> {
    /// The node's end.
    pub name: &'a str,
    /// The pod's end.
    pub interface: &'a str,
    /// The pod's address.
    pub address: Ipv4Addr,
    /// The bridge's address.
    pub gateway: Ipv4Addr,
    /// The largest packet.
    pub mtu: u32,
    /// The bridge.
    pub bridge: u32,
    /// The pod.
    pub namespace: &'a Namespace,
}

/// The hardware addresses of a cable's ends.
pub struct Ends {
    pub outside: Mac,
    pub inside: Mac,
}

/// Pods send everything to the node, so frames rarely go from port to port. They do where the kernel shows the bridge's
/// frames to the rules (`bridge-nf-call-iptables`): a frame whose destination is rewritten to a pod of the same bridge takes
/// the short way, which for a pod that calls itself is back by its own port.
const PORT: BridgePort = BridgePort {
    hairpin: true,
    isolated: false,
};

/// Lays a cable from the bridge into the pod, and gives the pod its address and its way out.
pub async fn connect(netlink: &Netlink, cable: &Cable<'_>) -> Result<Ends, CniError> {
    let veth = Veth {
        name: cable.name,
        mtu: cable.mtu,
        peer_name: cable.interface,
        // The same for the same address, so that what the node remembers of its last holder is true of the next.
        peer_mac: Mac::of_ip(cable.address.into()),
        peer_namespace: cable.namespace,
    };
    netlink.add_veth(&veth).await?;
    let outside = find(netlink, cable.name).await?;
    netlink.set_master(outside.index, Some(cable.bridge)).await?;
    netlink.set_bridge_port(outside.index, PORT).await?;
    netlink.set_up(outside.index).await?;

    let pod = Netlink::open_in(cable.namespace)?;
    let inside = find(&pod, cable.interface).await?;
    address(&pod, inside.index, cable).await?;
    Ok(Ends {
        outside: outside.mac.unwrap_or_default(),
        inside: inside.mac.unwrap_or_default(),
    })
}

async fn find(netlink: &Netlink, name: &str) -> Result<Link, CniError> {
    let link = netlink.link(name).await?;
    link.ok_or_else(|| CniError::new(Code::Io, format!("the interface {name} does not stay")))
}

async fn address(pod: &Netlink, link: u32, cable: &Cable<'_>) -> Result<(), NetlinkError> {
    let alone = Address {
        link,
        net: Ipv4Net::from(cable.address).into(),
    };
    pod.add_address(alone).await?;
    pod.set_up(link).await?;
    for route in routes(link, cable.gateway) {
        pod.set_route(&route).await?;
    }
    Ok(())
}

/// The gateway is the only neighbour, and everything goes to it.
pub fn routes(link: u32, gateway: Ipv4Addr) -> [Route; 2] {
    let route = |destination: Ipv4Net, kind| Route {
        destination: destination.into(),
        kind,
        source: None,
        protocol: ROUTE_PROTOCOL,
    };
    let out = RouteKind::Via {
        gateway: gateway.into(),
        link,
        onlink: false,
    };
    [
        route(gateway.into(), RouteKind::Link(link)),
        route(Ipv4Net::default(), out),
    ]
}
