//! The rules that are there whatever Services there are.

use super::{MARK_FOR_MASQUERADE, Map, REJECT};
use crate::config::Config;
use crate::family::{Family, TABLE};

/// The bit of a packet's mark that asks for masquerading; upstream's default.
const MASQUERADE_BIT: &str = "0x4000";

/// The set of the node's addresses that serve NodePorts.
const NODE_PORT_IPS: &str = "nodeport-ips";

/// Statements that make a family's table anew, without any Service.
pub(crate) fn base(config: &Config, family: Family) -> Vec<String> {
    let word = family.word();
    let mut statements = vec![
        // Deleting what is not there fails, so it is added first.
        format!("add table {word} {TABLE}"),
        format!("delete table {word} {TABLE}"),
        format!("add table {word} {TABLE}"),
    ];
    let mut add = |what: &str, rest: String| statements.push(format!("add {what} {word} {TABLE} {rest}"));
    for map in Map::ALL {
        let what = if map == Map::ClusterIps { "set" } else { "map" };
        add(
            what,
            format!("{} {{ type {} ; }}", map.name(), map_type(map, family)),
        );
    }
    add(
        "set",
        format!("{NODE_PORT_IPS} {{ type {} ; }}", family.address_type()),
    );
    for (name, hook) in chains() {
        match hook {
            Some(hook) => add("chain", format!("{name} {{ type {hook} ; }}")),
            None => add("chain", name.to_owned()),
        }
    }
    for (chain, rule) in rules(config, family) {
        add("rule", format!("{chain} {rule}"));
    }
    let addresses: Vec<String> = family
        .addresses(&config.node_ips)
        .iter()
        .map(ToString::to_string)
        .collect();
    if !addresses.is_empty() {
        add(
            "element",
            format!("{NODE_PORT_IPS} {{ {} }}", addresses.join(", ")),
        );
    }
    statements
}

fn map_type(map: Map, family: Family) -> String {
    let address = family.address_type();
    match map {
        Map::ServiceIps | Map::NoEndpointIps | Map::FirewallIps => {
            format!("{address} . inet_proto . inet_service : verdict")
        }
        Map::NodePorts | Map::NoEndpointNodePorts => String::from("inet_proto . inet_service : verdict"),
        Map::ClusterIps => address.to_owned(),
    }
}

/// Names, and for base chains type, hook and priority. The chains before look at packets as they were sent, those after
/// at where they were turned to (which is done at -100).
fn chains() -> [(&'static str, Option<&'static str>); 12] {
    [
        (
            "filter-prerouting-before",
            Some("filter hook prerouting priority -110"),
        ),
        ("filter-output-before", Some("filter hook output priority -110")),
        (
            "filter-prerouting-after",
            Some("filter hook prerouting priority -90"),
        ),
        ("filter-output-after", Some("filter hook output priority -90")),
        ("nat-prerouting", Some("nat hook prerouting priority -100")),
        ("nat-output", Some("nat hook output priority -100")),
        ("nat-postrouting", Some("nat hook postrouting priority 100")),
        ("check-before", None),
        ("check-after", None),
        ("services", None),
        (MARK_FOR_MASQUERADE, None),
        (REJECT, None),
    ]
}

fn rules(config: &Config, family: Family) -> Vec<(&'static str, String)> {
    let word = family.word();
    let look_up = |map: Map| format!("{word} daddr . meta l4proto . th dport vmap @{}", map.name());
    let node_port = node_port_match(config, family);
    let look_up_node_port = |map: Map| format!("{node_port} meta l4proto . th dport vmap @{}", map.name());
    let mut rules = vec![
        (
            "filter-prerouting-before",
            "ct state new jump check-before".into(),
        ),
        ("filter-output-before", "ct state new jump check-before".into()),
        ("filter-prerouting-after", "ct state new jump check-after".into()),
        ("filter-output-after", "ct state new jump check-after".into()),
        ("nat-prerouting", "jump services".into()),
        ("nat-output", "jump services".into()),
        (
            "nat-postrouting",
            format!("meta mark and {MASQUERADE_BIT} == 0 return"),
        ),
        (
            "nat-postrouting",
            format!("meta mark set meta mark xor {MASQUERADE_BIT}"),
        ),
        ("nat-postrouting", "masquerade fully-random".into()),
        ("check-before", look_up(Map::FirewallIps)),
        ("check-before", look_up(Map::NoEndpointIps)),
        ("check-before", look_up_node_port(Map::NoEndpointNodePorts)),
        (
            "check-after",
            format!("{word} daddr @{} reject", Map::ClusterIps.name()),
        ),
        ("services", look_up(Map::ServiceIps)),
        ("services", look_up_node_port(Map::NodePorts)),
        (
            MARK_FOR_MASQUERADE,
            format!("meta mark set meta mark or {MASQUERADE_BIT}"),
        ),
        // The kernel sends only so many messages of ICMP, but every reset.
        (REJECT, "meta l4proto tcp reject with tcp reset".into()),
        (REJECT, "reject".into()),
    ];
    if let Some(services) = family.networks(&config.service_cidr) {
        rules.push(("check-after", format!("{word} daddr {services} drop")));
    }
    rules
}

/// What a packet to a NodePort looks like.
fn node_port_match(config: &Config, family: Family) -> String {
    let word = family.word();
    if config.nodeport_addresses.is_empty() {
        return format!("{word} daddr @{NODE_PORT_IPS}");
    }
    let own = format!("fib daddr type local {word} daddr != {}", family.loopback());
    let is_any = |network: &ipnet::IpNet| network.prefix_len() == 0 && Family::of(network.addr()) == family;
    if config.nodeport_addresses.iter().any(is_any) {
        return own;
    }
    match family.networks(&config.nodeport_addresses) {
        Some(networks) => format!("{own} {word} daddr {networks}"),
        // Networks of the other family only: in this one, no address serves NodePorts.
        None => format!("{word} daddr {}", unspecified(family)),
    }
}

/// An address that no packet goes to.
fn unspecified(family: Family) -> &'static str {
    match family {
        Family::V4 => "0.0.0.0",
        Family::V6 => "::",
    }
}
