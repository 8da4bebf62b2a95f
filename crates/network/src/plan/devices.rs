//! What is to be done so that a device is as it should be.

use ipnet::{IpNet, Ipv4Net};
use linux::netlink::{Address, Link, LinkKind};

use super::{Device, DeviceKind, Observed};

/// A step; they are taken in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// Another thing has its name: it is in the way.
    Refuse,
    /// It is not there.
    Make,
    /// It is a tunnel of other settings; those cannot be changed.
    Remove(u32),
    /// Its hardware address differs.
    SetMac(u32),
    /// Its largest packet differs.
    SetMtu(u32),
    /// It is switched off.
    SetUp(u32),
    /// It has an address of another time.
    TakeAddress(Address),
    /// It lacks its address.
    GiveAddress(u32, Ipv4Net),
}

/// The steps for a device. After [`DeviceChange::Remove`] and [`DeviceChange::Make`] it must be looked at again.
pub fn changes(device: &Device, observed: &Observed) -> Vec<DeviceChange> {
    let Some(link) = observed.link(&device.name) else {
        return vec![DeviceChange::Make];
    };
    match (device.kind, link.kind) {
        (DeviceKind::Bridge, LinkKind::Bridge) => {}
        (DeviceKind::Tunnel(wanted), LinkKind::Vxlan(found)) if wanted == found => {}
        (DeviceKind::Tunnel(_), LinkKind::Vxlan(_)) => return vec![DeviceChange::Remove(link.index)],
        _ => return vec![DeviceChange::Refuse],
    }
    let mut changes = settings(device, link);
    let wanted = Address {
        link: link.index,
        net: device.address.into(),
    };
    let own = observed
        .addresses
        .iter()
        .filter(|address| address.link == link.index && matches!(address.net, IpNet::V4(_)));
    let others = own.clone().filter(|address| **address != wanted);
    changes.extend(others.map(|address| DeviceChange::TakeAddress(*address)));
    if !own.clone().any(|address| *address == wanted) {
        changes.push(DeviceChange::GiveAddress(link.index, device.address));
    }
    changes
}

fn settings(device: &Device, link: &Link) -> Vec<DeviceChange> {
    let steps = [
        (link.mac != Some(device.mac), DeviceChange::SetMac(link.index)),
        (link.mtu != device.mtu, DeviceChange::SetMtu(link.index)),
        (!link.up, DeviceChange::SetUp(link.index)),
    ];
    steps
        .into_iter()
        .filter_map(|(differs, step)| differs.then_some(step))
        .collect()
}
