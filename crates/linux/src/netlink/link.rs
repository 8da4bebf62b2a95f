//! Network interfaces.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use futures::TryStreamExt;
use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, InfoVxlan, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::{LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, LinkVxlan};

use super::{Netlink, NetlinkError, collect, explain};
use crate::Namespace;

/// A hardware address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// An interface as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it, within its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: LinkKind,
    /// Its hardware address, if it has one of the usual length.
    pub mac: Option<Mac>,
    /// The largest packet it takes, bytes.
    pub mtu: u32,
    /// Whether it is switched on.
    pub up: bool,
    /// The bridge (or other) it is a port of.
    pub master: Option<u32>,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// A bridge.
    Bridge,
    /// One end of a cable.
    Veth,
    /// A tunnel.
    Vxlan(TunnelEnd),
    /// Anything else.
    Other,
}

/// A bridge to be made.
#[derive(Clone, Debug)]
pub struct Bridge<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its hardware address. A bridge without one takes a port's, and changes it when ports come and go.
    pub mac: Mac,
    /// The largest packet, bytes.
    pub mtu: u32,
}

/// A cable to be made: one end here, the other in another namespace.
#[derive(Clone, Debug)]
pub struct Veth<'a> {
    /// The name of the end here.
    pub name: &'a str,
    /// The largest packet, bytes.
    pub mtu: u32,
    /// The name of the other end.
    pub peer_name: &'a str,
    /// The hardware address of the other end.
    pub peer_mac: Mac,
    /// Where the other end is.
    pub peer_namespace: &'a Namespace,
}

/// A VXLAN tunnel to be made, to ends that are told by forwarding entries.
#[derive(Clone, Debug)]
pub struct Vxlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its end here.
    pub end: TunnelEnd,
    /// Its hardware address.
    pub mac: Mac,
    /// The largest packet, bytes.
    pub mtu: u32,
}

/// The end of a VXLAN tunnel that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelEnd {
    /// The tunnel's number: the same at every end.
    pub vni: u32,
    /// The UDP port of every end.
    pub port: u16,
    /// This end's address.
    pub local: Ipv4Addr,
    /// The interface that packets leave through.
    pub device: u32,
}

/// How a bridge treats a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgePort {
    /// Whether frames may leave by the port they came from.
    pub hairpin: bool,
    /// Whether frames to other isolated ports are dropped.
    pub isolated: bool,
}

impl Netlink {
    /// All interfaces.
    pub async fn links(&self) -> Result<Vec<Link>, NetlinkError> {
        collect("interfaces", self.handle.link().get().execute(), |message| {
            Some(Link::read(message))
        })
        .await
    }

    /// The interface of that name.
    pub async fn link(&self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut found = std::pin::pin!(self.handle.link().get().match_name(name).execute());
        match found.try_next().await.map_err(explain(|| format!("find {name}"))) {
            Ok(message) => Ok(message.map(Link::read)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a bridge, switched on.
    pub async fn add_bridge(&self, bridge: &Bridge<'_>) -> Result<(), NetlinkError> {
        let message = LinkBridge::new(bridge.name)
            .address(bridge.mac.0.to_vec())
            .mtu(bridge.mtu)
            .build();
        self.add_link(message, || format!("make the bridge {}", bridge.name))
            .await
    }

    /// Makes a cable. Both ends are switched off.
    pub async fn add_veth(&self, veth: &Veth<'_>) -> Result<(), NetlinkError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(veth.peer_name)
            .address(veth.peer_mac.0.to_vec())
            .mtu(veth.mtu)
            .setns_by_fd(veth.peer_namespace.file().as_raw_fd())
            .build();
        let message = LinkVeth::new(veth.name, veth.peer_name)
            .mtu(veth.mtu)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        self.add_link(message, || {
            let inside = veth.peer_namespace.path().display();
            format!("make the cable {} to {} in {inside}", veth.name, veth.peer_name)
        })
        .await
    }

    /// Makes a tunnel, switched on.
    pub async fn add_vxlan(&self, vxlan: &Vxlan<'_>) -> Result<(), NetlinkError> {
        let message = LinkVxlan::new(vxlan.name, vxlan.end.vni)
            .port(vxlan.end.port)
            .local(vxlan.end.local)
            .dev(vxlan.end.device)
            .learning(false)
            .address(vxlan.mac.0.to_vec())
            .mtu(vxlan.mtu)
            .up()
            .build();
        self.add_link(message, || format!("make the tunnel {}", vxlan.name))
            .await
    }

    async fn add_link(
        &self,
        message: LinkMessage,
        operation: impl FnOnce() -> String,
    ) -> Result<(), NetlinkError> {
        let request = self.handle.link().add(message);
        request.execute().await.map_err(explain(operation))
    }

    /// Switches an interface on.
    pub async fn set_up(&self, link: u32) -> Result<(), NetlinkError> {
        self.change(link, "switch on", |message| message.up()).await
    }

    /// Switches an interface off.
    pub async fn set_down(&self, link: u32) -> Result<(), NetlinkError> {
        self.change(link, "switch off", |message| message.down()).await
    }

    /// Changes the largest packet an interface takes.
    pub async fn set_mtu(&self, link: u32, mtu: u32) -> Result<(), NetlinkError> {
        self.change(link, "set the MTU of", |message| message.mtu(mtu))
            .await
    }

    /// Changes an interface's hardware address.
    pub async fn set_mac(&self, link: u32, mac: Mac) -> Result<(), NetlinkError> {
        self.change(link, "set the hardware address of", |message| {
            message.address(mac.0.to_vec())
        })
        .await
    }

    /// Makes an interface a port of a bridge, or of nothing.
    pub async fn set_master(&self, link: u32, master: Option<u32>) -> Result<(), NetlinkError> {
        self.change(link, "set the bridge of", |message| {
            message.controller(master.unwrap_or_default())
        })
        .await
    }

    /// Tells a bridge how to treat a port.
    pub async fn set_bridge_port(&self, link: u32, port: BridgePort) -> Result<(), NetlinkError> {
        let settings = vec![
            InfoBridgePort::HairpinMode(port.hairpin),
            InfoBridgePort::Isolated(port.isolated),
        ];
        self.change(link, "set up the bridge port", |message| {
            message
                .set_port_kind(InfoPortKind::Bridge)
                .set_port_data(InfoPortData::BridgePort(settings))
        })
        .await
    }

    /// Moves an interface to another namespace.
    pub async fn move_to(&self, link: u32, namespace: &Namespace) -> Result<(), NetlinkError> {
        let file = namespace.file().as_raw_fd();
        self.change(link, "move", |message| message.setns_by_fd(file))
            .await
    }

    async fn change(
        &self,
        link: u32,
        verb: &str,
        change: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
    ) -> Result<(), NetlinkError> {
        let message = change(LinkMessageBuilder::<LinkUnspec>::new().index(link)).build();
        let request = self.handle.link().change(message);
        request
            .execute()
            .await
            .map_err(explain(|| format!("{verb} the interface {link}")))
    }

    /// Removes an interface; a cable goes with both ends. It is no error if it is gone already.
    pub async fn delete_link(&self, link: u32) -> Result<(), NetlinkError> {
        let outcome = self.handle.link().del(link).execute().await;
        match outcome.map_err(explain(|| format!("remove the interface {link}"))) {
            Err(error) if error.is_missing() => Ok(()),
            outcome => outcome,
        }
    }
}

impl Link {
    fn read(message: LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            kind: LinkKind::Other,
            mac: None,
            mtu: 0,
            up: message.header.flags.contains(LinkFlags::Up),
            master: None,
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok().map(Mac),
                LinkAttribute::Controller(master) => link.master = Some(master).filter(|&master| master != 0),
                LinkAttribute::LinkInfo(infos) => link.kind = kind(&infos),
                _ => {}
            }
        }
        link
    }
}

fn kind(infos: &[LinkInfo]) -> LinkKind {
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    match kind {
        Some(InfoKind::Bridge) => LinkKind::Bridge,
        Some(InfoKind::Veth) => LinkKind::Veth,
        Some(InfoKind::Vxlan) => LinkKind::Vxlan(tunnel_end(infos)),
        _ => LinkKind::Other,
    }
}

fn tunnel_end(infos: &[LinkInfo]) -> TunnelEnd {
    let mut end = TunnelEnd {
        vni: 0,
        port: 0,
        local: Ipv4Addr::UNSPECIFIED,
        device: 0,
    };
    let settings = infos.iter().filter_map(|info| match info {
        LinkInfo::Data(InfoData::Vxlan(settings)) => Some(settings),
        _ => None,
    });
    for setting in settings.flatten() {
        match *setting {
            InfoVxlan::Id(vni) => end.vni = vni,
            InfoVxlan::Port(port) => end.port = port,
            InfoVxlan::Local(local) => end.local = local,
            InfoVxlan::Link(device) => end.device = device,
            _ => {}
        }
    }
    end
}

impl Mac {
    /// A locally administered address made of an IP address (of IPv6, its last four bytes): the same one has the same,
    /// so that what neighbours remember stays true when the address is used again.
    pub fn of_ip(ip: IpAddr) -> Self {
        let [a, b, c, d] = match ip {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(ip) => (ip.to_bits() as u32).to_be_bytes(),
        };
        Self([0x0a, 0x58, a, b, c, d])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
