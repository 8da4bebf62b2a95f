//! Routes of the main table.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use super::{Netlink, NetlinkError, collect, explain};

/// What the kernel gives an IPv6 route that names no metric.
const IPV6_METRIC: u32 = 1024;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The addresses it is for; its host bits are zero.
    pub destination: IpNet,
    /// What happens to packets.
    pub kind: RouteKind,
    /// The source address of packets that name none.
    pub source: Option<IpAddr>,
    /// Who made it: a number of the maker's choice, by which it knows its own. See `/etc/iproute2/rt_protos`.
    pub protocol: u8,
}

/// What happens to packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// They go to a router.
    Via {
        /// The router.
        gateway: IpAddr,
        /// The interface towards it.
        link: u32,
        /// Whether the router is there although no address of the interface says so.
        onlink: bool,
    },
    /// They go to neighbours on an interface.
    Link(u32),
    /// They are refused: the sender is told.
    Unreachable,
    /// They vanish.
    Blackhole,
}

impl Netlink {
    /// The routes of the main table that are of a kind known here.
    pub async fn routes(&self) -> Result<Vec<Route>, NetlinkError> {
        let mut routes = Vec::new();
        for any in [IpNet::V4(Default::default()), IpNet::V6(Default::default())] {
            // An empty destination asks for all of its family.
            let mut message = RouteMessageBuilder::<IpAddr>::new().build();
            message.header.address_family = family(any.addr());
            let dump = self.handle.route().get(message).execute();
            routes.extend(collect("routes", dump, Route::read).await?);
        }
        Ok(routes)
    }

    /// Makes a route, or changes the one of the same destination to be so.
    pub async fn set_route(&self, route: &Route) -> Result<(), NetlinkError> {
        let request = self.handle.route().add(route.message()).replace();
        let outcome = request.execute().await;
        outcome.map_err(explain(|| format!("set the route to {}", route.destination)))
    }

    /// Removes a route. It is no error if it is gone already.
    pub async fn delete_route(&self, route: &Route) -> Result<(), NetlinkError> {
        let outcome = self.handle.route().del(route.message()).execute().await;
        match outcome.map_err(explain(|| format!("remove the route to {}", route.destination))) {
            Err(error) if error.is_missing() => Ok(()),
            outcome => outcome,
        }
    }
}

fn family(ip: IpAddr) -> rtnetlink::packet_route::AddressFamily {
    match ip {
        IpAddr::V4(_) => rtnetlink::packet_route::AddressFamily::Inet,
        IpAddr::V6(_) => rtnetlink::packet_route::AddressFamily::Inet6,
    }
}

impl Route {
    fn message(&self) -> RouteMessage {
        let mut message = RouteMessageBuilder::<IpAddr>::new().build();
        let net = self.destination.trunc();
        let header = &mut message.header;
        header.address_family = family(net.addr());
        header.destination_prefix_length = net.prefix_len();
        header.protocol = RouteProtocol::from(self.protocol);
        let attributes = &mut message.attributes;
        if net.prefix_len() > 0 {
            attributes.push(RouteAttribute::Destination(net.addr().into()));
        }
        if let Some(source) = self.source {
            attributes.push(RouteAttribute::PrefSource(source.into()));
        }
        match self.kind {
            RouteKind::Via {
                gateway,
                link,
                onlink,
            } => {
                attributes.push(RouteAttribute::Gateway(gateway.into()));
                attributes.push(RouteAttribute::Oif(link));
                header.flags.set(RouteFlags::Onlink, onlink);
            }
            RouteKind::Link(link) => {
                attributes.push(RouteAttribute::Oif(link));
                if net.addr().is_ipv4() {
                    header.scope = RouteScope::Link;
                }
            }
            RouteKind::Unreachable => header.kind = RouteType::Unreachable,
            RouteKind::Blackhole => header.kind = RouteType::BlackHole,
        }
        message
    }

    /// Nothing for routes of other tables, and for those that cannot be said here: with several routers, say, or a
    /// metric.
    fn read(message: RouteMessage) -> Option<Self> {
        let header = message.header;
        let any = match header.address_family {
            rtnetlink::packet_route::AddressFamily::Inet => IpAddr::from([0; 4]),
            _ => IpAddr::from([0; 16]),
        };
        let (mut destination, mut gateway, mut link, mut source) = (any, None, None, None);
        let mut table = u32::from(header.table);
        for attribute in message.attributes {
            match attribute {
                RouteAttribute::Destination(address) => destination = ip(&address)?,
                RouteAttribute::Gateway(address) => gateway = Some(ip(&address)?),
                RouteAttribute::PrefSource(address) => source = Some(ip(&address)?),
                RouteAttribute::Oif(index) => link = Some(index),
                RouteAttribute::Table(number) => table = number,
                RouteAttribute::Priority(metric) if metric == IPV6_METRIC && any.is_ipv6() => {}
                RouteAttribute::Priority(_) | RouteAttribute::MultiPath(_) => return None,
                _ => {}
            }
        }
        if table != u32::from(RouteHeader::RT_TABLE_MAIN) {
            return None;
        }
        let kind = match (header.kind, gateway, link) {
            (RouteType::Unicast, Some(gateway), Some(link)) => RouteKind::Via {
                gateway,
                link,
                onlink: header.flags.contains(RouteFlags::Onlink),
            },
            (RouteType::Unicast, None, Some(link)) => RouteKind::Link(link),
            (RouteType::Unreachable, ..) => RouteKind::Unreachable,
            (RouteType::BlackHole, ..) => RouteKind::Blackhole,
            _ => return None,
        };
        Some(Self {
            destination: IpNet::new(destination, header.destination_prefix_length).ok()?,
            kind,
            source,
            protocol: header.protocol.into(),
        })
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match *address {
        RouteAddress::Inet(ip) => Some(ip.into()),
        RouteAddress::Inet6(ip) => Some(ip.into()),
        _ => None,
    }
}
