//! Rules that lead ports of the node to pods.

use linux::nft::{self, Chain, ChainKind, Family, Hook, Table};

use crate::ledger::{Allocations, Attachment, HostPort};
use crate::names::HOST_PORTS_TABLE;

/// The table for all attachments: always made as a whole, so that it can be made again at any time.
pub fn table(allocations: &Allocations, bridge: &str) -> Table {
    let holders: Vec<&Attachment> = allocations
        .attachments()
        .iter()
        .filter(|attachment| !attachment.host_ports.is_empty())
        .collect();
    let to_ports = "fib daddr type local jump ports";
    Table::new(Family::Ip, HOST_PORTS_TABLE)
        .chain(Chain::new("ports").rules(holders.iter().flat_map(|holder| translations(holder))))
        .chain(
            Chain::base(
                "prerouting",
                ChainKind::Nat,
                Hook::Prerouting,
                nft::PRIORITY_DSTNAT,
            )
            .rule(to_ports),
        )
        .chain(Chain::base("output", ChainKind::Nat, Hook::Output, nft::PRIORITY_DSTNAT).rule(to_ports))
        .chain(
            Chain::base(
                "postrouting",
                ChainKind::Nat,
                Hook::Postrouting,
                nft::PRIORITY_SRCNAT,
            )
            .rules(holders.iter().flat_map(|holder| sources(holder))),
        )
        .chain(guard(bridge))
}

fn translations(holder: &Attachment) -> impl Iterator<Item = String> + '_ {
    holder.host_ports.iter().map(|port| translation(holder, port))
}

fn translation(holder: &Attachment, port: &HostPort) -> String {
    let at = port
        .host_ip
        .map(|ip| format!("ip daddr {ip} "))
        .unwrap_or_default();
    let protocol = port.protocol.name();
    format!(
        "{at}{protocol} dport {} dnat to {}:{}",
        port.host_port, holder.address, port.container_port
    )
}

/// A pod that calls itself would drop a packet from its own address; one from the node's loopback would be answered to
/// the pod's own.
fn sources(holder: &Attachment) -> [String; 2] {
    let ip = holder.address;
    [
        format!("ip saddr {ip} ip daddr {ip} masquerade"),
        format!("ip saddr 127.0.0.0/8 ip daddr {ip} masquerade"),
    ]
}

/// The bridge routes loopback addresses, for the sake of host ports there. Pods must not use that to reach what listens
/// on the node's loopback only. (Answers come to the bridge's own address at this point.)
fn guard(bridge: &str) -> Chain {
    Chain::base("guard", ChainKind::Filter, Hook::Prerouting, nft::PRIORITY_RAW)
        .rule(format!(r#"iifname "{bridge}" ip daddr 127.0.0.0/8 drop"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{AttachmentKey, Protocol};

    #[test]
    fn each_port_has_its_rule() {
        let mut allocations = Allocations::default();
        let port = |host_port, protocol, host_ip: &str| HostPort {
            host_port,
            container_port: 80,
            protocol,
            host_ip: host_ip.parse().ok(),
        };
        for (number, host_ports) in [
            (2, vec![]),
            (
                3,
                vec![
                    port(8080, Protocol::Tcp, ""),
                    port(53, Protocol::Udp, "127.0.0.1"),
                ],
            ),
        ] {
            allocations.insert(Attachment {
                key: AttachmentKey {
                    container_id: number.to_string(),
                    interface: "eth0".to_owned(),
                },
                pod: String::new(),
                cable: String::new(),
                address: [10, 42, 1, number].into(),
                host_ports,
            });
        }
        let text = table(&allocations, "pintle0").to_string();
        let rules: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| line.contains("10.42.1"))
            .collect();
        assert_eq!(
            rules,
            [
                "tcp dport 8080 dnat to 10.42.1.3:80",
                "ip daddr 127.0.0.1 udp dport 53 dnat to 10.42.1.3:80",
                "ip saddr 10.42.1.3 ip daddr 10.42.1.3 masquerade",
                "ip saddr 127.0.0.0/8 ip daddr 10.42.1.3 masquerade",
            ]
        );
        assert!(text.contains(r#"iifname "pintle0" ip daddr 127.0.0.0/8 drop"#));
    }
}
