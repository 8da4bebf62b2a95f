//! Which address is whose, and which is next.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::config::gateway;

/// All that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocations {
    /// The address that was given last. The next one follows it, so that an address rests as long as there are others.
    #[serde(default)]
    last: Option<Ipv4Addr>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

/// A pod's place in the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Whose it is.
    #[serde(flatten)]
    pub key: AttachmentKey,
    /// `namespace/name` of the pod, if the runtime told: for messages.
    #[serde(default)]
    pub pod: String,
    /// The node's end of the cable.
    pub cable: String,
    /// The pod's address.
    pub address: Ipv4Addr,
    /// Ports of the node that lead to the pod.
    #[serde(default)]
    pub host_ports: Vec<HostPort>,
}

/// A container's interface: there is one attachment of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttachmentKey {
    /// The runtime's name of the container, of the pod's sandbox that is.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// The interface's name in the container.
    #[serde(rename = "ifname")]
    pub interface: String,
}

/// A port of the node that leads to a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostPort {
    /// The node's port.
    pub host_port: u16,
    /// The pod's port.
    pub container_port: u16,
    /// Of which protocol.
    pub protocol: Protocol,
    /// Only at that address of the node; none: at all.
    #[serde(default, rename = "hostIP", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<Ipv4Addr>,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[serde(alias = "tcp")]
    Tcp,
    /// UDP.
    #[serde(alias = "udp")]
    Udp,
    /// SCTP.
    #[serde(alias = "sctp")]
    Sctp,
}

impl Protocol {
    /// As rules name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A range has no address left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {1} addresses of {0} are taken")]
pub struct Full(Ipv4Net, u32);

impl Allocations {
    /// All attachments.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The attachment of that container's interface.
    pub fn get(&self, key: &AttachmentKey) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| attachment.key == *key)
    }

    /// Takes the next free address of the range. Those of the range itself, of the node and of broadcasts are nobody's.
    pub fn allocate(&mut self, range: Ipv4Net) -> Result<Ipv4Addr, Full> {
        let (first, last) = bounds(range);
        let taken: HashSet<u32> = self
            .attachments
            .iter()
            .map(|attachment| attachment.address.to_bits())
            .collect();
        let start = match self.last.map(Ipv4Addr::to_bits) {
            Some(given) if (first..last).contains(&given) => given + 1,
            _ => first,
        };
        let free = (start..=last)
            .chain(first..start)
            .find(|address| !taken.contains(address))
            .map(Ipv4Addr::from_bits)
            .ok_or(Full(range, last.saturating_add(1).saturating_sub(first)))?;
        self.last = Some(free);
        Ok(free)
    }

    /// How many addresses of the range are free.
    pub fn free(&self, range: Ipv4Net) -> u32 {
        let (first, last) = bounds(range);
        let taken = self
            .attachments
            .iter()
            .filter(|attachment| (first..=last).contains(&attachment.address.to_bits()))
            .count();
        last.saturating_add(1)
            .saturating_sub(first)
            .saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Notes an attachment, in place of an earlier one of the same interface.
    pub fn insert(&mut self, attachment: Attachment) {
        self.remove(&attachment.key);
        self.attachments.push(attachment);
    }

    /// Forgets an attachment.
    pub fn remove(&mut self, key: &AttachmentKey) -> Option<Attachment> {
        let at = self
            .attachments
            .iter()
            .position(|attachment| attachment.key == *key)?;
        Some(self.attachments.remove(at))
    }

    /// Forgets the attachments that fail a test, and gives them.
    pub fn retain(&mut self, keep: impl Fn(&Attachment) -> bool) -> Vec<Attachment> {
        let all = std::mem::take(&mut self.attachments);
        let (kept, gone) = all.into_iter().partition(keep);
        self.attachments = kept;
        gone
    }

    /// The other attachment that has a host port already.
    pub fn holder(&self, port: &HostPort, but: &AttachmentKey) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| {
            attachment.key != *but && attachment.host_ports.iter().any(|held| held.clashes(port))
        })
    }
}

/// The first and the last address for pods.
fn bounds(range: Ipv4Net) -> (u32, u32) {
    (
        gateway(range).to_bits().saturating_add(1),
        range.broadcast().to_bits().saturating_sub(1),
    )
}

impl HostPort {
    /// Whether it is at that address of the node.
    pub fn is_at(&self, ip: IpAddr) -> bool {
        self.host_ip.is_none_or(|own| ip == own)
    }

    fn clashes(&self, other: &Self) -> bool {
        let same_place = match (self.host_ip, other.host_ip) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same_place && (self.host_port, self.protocol) == (other.host_port, other.protocol)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ip) = self.host_ip {
            write!(f, "{ip}:")?;
        }
        write!(f, "{}/{}", self.host_port, self.protocol.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(container: &str) -> AttachmentKey {
        AttachmentKey {
            container_id: container.to_owned(),
            interface: "eth0".to_owned(),
        }
    }

    fn attach(allocations: &mut Allocations, range: &str, container: &str) -> Result<String, Full> {
        let address = allocations.allocate(range.parse().unwrap())?;
        allocations.insert(Attachment {
            key: key(container),
            pod: String::new(),
            cable: format!("cable-{container}"),
            address,
            host_ports: Vec::new(),
        });
        Ok(address.to_string())
    }

    #[test]
    fn addresses_rest_before_they_are_used_again() {
        let mut allocations = Allocations::default();
        let range = "10.42.1.0/29";
        let next = |allocations: &mut Allocations, name| attach(allocations, range, name).unwrap();
        assert_eq!(next(&mut allocations, "a"), "10.42.1.2");
        assert_eq!(next(&mut allocations, "b"), "10.42.1.3");
        allocations.remove(&key("a"));
        assert_eq!(next(&mut allocations, "c"), "10.42.1.4");
        assert_eq!(next(&mut allocations, "d"), "10.42.1.5");
        assert_eq!(next(&mut allocations, "e"), "10.42.1.6");
        assert_eq!(allocations.free(range.parse().unwrap()), 1);
        assert_eq!(next(&mut allocations, "f"), "10.42.1.2");
        assert_eq!(
            attach(&mut allocations, range, "g").unwrap_err().to_string(),
            "all 5 addresses of 10.42.1.0/29 are taken"
        );
        allocations.remove(&key("d"));
        assert_eq!(next(&mut allocations, "g"), "10.42.1.5");
    }

    #[test]
    fn a_range_may_change_and_may_be_tiny() {
        let mut allocations = Allocations::default();
        attach(&mut allocations, "10.42.1.0/24", "a").unwrap();
        assert_eq!(
            attach(&mut allocations, "10.42.7.0/24", "b").unwrap(),
            "10.42.7.2"
        );
        assert_eq!(allocations.free("10.42.7.0/24".parse().unwrap()), 252);
        assert_eq!(
            attach(&mut allocations, "10.42.8.0/30", "c").unwrap(),
            "10.42.8.2"
        );
        for range in [
            "10.42.8.0/30",
            "10.42.9.0/31",
            "10.42.9.0/32",
            "255.255.255.255/32",
        ] {
            assert!(attach(&mut allocations, range, "d").is_err(), "{range}");
        }
    }

    #[test]
    fn the_dead_are_forgotten() {
        let mut allocations = Allocations::default();
        for name in ["a", "b", "c"] {
            attach(&mut allocations, "10.42.1.0/24", name).unwrap();
        }
        let gone = allocations.retain(|attachment| attachment.cable != "cable-b");
        assert_eq!(gone.len(), 1);
        assert_eq!(allocations.get(&key("b")), None);
        assert!(allocations.get(&key("a")).is_some() && allocations.get(&key("c")).is_some());
    }

    #[test]
    fn a_host_port_has_one_holder() {
        let port = |ip: &str, number, protocol| HostPort {
            host_port: number,
            container_port: 80,
            protocol,
            host_ip: ip.parse().ok(),
        };
        let mut allocations = Allocations::default();
        attach(&mut allocations, "10.42.1.0/24", "a").unwrap();
        let mut attachment = allocations.get(&key("a")).unwrap().clone();
        attachment.host_ports = vec![
            port("", 80, Protocol::Tcp),
            port("192.168.0.1", 53, Protocol::Udp),
        ];
        allocations.insert(attachment);
        let holder = |port| allocations.holder(&port, &key("b")).is_some();
        for (port, held) in [
            (port("", 80, Protocol::Tcp), true),
            (port("127.0.0.1", 80, Protocol::Tcp), true),
            (port("", 80, Protocol::Udp), false),
            (port("", 81, Protocol::Tcp), false),
            (port("", 53, Protocol::Udp), true),
            (port("192.168.0.2", 53, Protocol::Udp), false),
        ] {
            assert_eq!(holder(port.clone()), held, "{port}");
        }
        assert!(
            allocations
                .holder(&port("", 80, Protocol::Tcp), &key("a"))
                .is_none()
        );
    }
}
