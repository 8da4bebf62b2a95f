//! Plans, decided from tables.

use linux::netlink::LinkKind;

use super::*;
use crate::config::{Tunnel, example};

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn own() -> Own {
    Own {
        ip: [192, 168, 1, 10].into(),
        pod_cidr: net("10.42.0.0/24"),
    }
}

fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.to_owned(),
        kind: LinkKind::Other,
        mac: None,
        mtu: 1500,
        up: true,
        master: None,
    }
}

fn observed() -> Observed {
    let address = |link, text: &str| Address {
        link,
        net: text.parse().unwrap(),
    };
    Observed {
        links: vec![
            link(1, "lo"),
            link(2, "eth0"),
            link(3, "eth1"),
            link(4, "pintle0"),
        ],
        addresses: vec![
            address(1, "127.0.0.1/8"),
            address(2, "192.168.1.10/24"),
            address(2, "fe80::1/64"),
            address(3, "172.16.0.1/16"),
            address(4, "10.42.0.1/24"),
        ],
    }
}

fn place(name: &str, ip: &str, range: &str) -> Place {
    Place {
        name: name.to_owned(),
        ip: ip.parse().ok(),
        pod_cidr: range.parse().ok(),
    }
}

fn plan(config: &Config, places: &[Place]) -> Desired {
    desired(config, own(), places, &observed())
}

fn ways(desired: &Desired) -> Vec<(String, Way)> {
    desired
        .routes
        .iter()
        .map(|route| (route.destination.to_string(), route.way.clone()))
        .collect()
}

fn neighbour(ip: [u8; 4], link: u32) -> Way {
    Way::Neighbour {
        gateway: ip.into(),
        link,
    }
}

#[test]
fn neighbours_are_reached_by_routes() {
    let places = [
        place("a", "192.168.1.10", "10.42.0.0/24"),
        place("b", "192.168.1.11", "10.42.1.0/24"),
        place("c", "172.16.9.9", "10.42.2.0/24"),
        place("not-yet", "", "10.42.3.0/24"),
        place("not-yet-either", "192.168.1.12", ""),
    ];
    let desired = plan(&example(), &places);
    assert_eq!(
        ways(&desired),
        [
            (
                "10.43.0.0/16".to_owned(),
                Way::Bridge {
                    source: Some(own().ip)
                }
            ),
            ("10.42.0.0/16".to_owned(), Way::Unreachable),
            ("10.42.1.0/24".to_owned(), neighbour([192, 168, 1, 11], 2)),
            ("10.42.2.0/24".to_owned(), neighbour([172, 16, 9, 9], 3)),
        ]
    );
    assert_eq!(desired.problems, []);
}

#[test]
fn others_need_a_tunnel() {
    let mut config = example();
    let places = [place("b", "198.51.100.7", "10.42.1.0/24")];
    let without = plan(&config, &places);
    assert_eq!(without.routes.len(), 2);
    assert_eq!(
        without.problems[0].to_string(),
        "pods of node b cannot be reached: its address 198.51.100.7 is in no network of this node, and there is no tunnel"
    );

    config.tunnel = Some(Tunnel::default());
    let with = plan(&config, &places);
    let inner = [10, 42, 1, 0].into();
    assert_eq!(with.problems, []);
    assert_eq!(ways(&with)[2], ("10.42.1.0/24".to_owned(), Way::Tunnel(inner)));
    let outer = [198, 51, 100, 7].into();
    assert_eq!(with.ends, [End { inner, outer }]);
    assert_eq!(with.devices[1].name, TUNNEL);
    assert_eq!((with.mtu, without.mtu), (1450, 1500));
}

#[test]
fn a_range_is_one_nodes() {
    let places = [
        place("b", "192.168.1.11", "10.42.1.0/24"),
        place("c", "192.168.1.12", "10.42.1.128/25"),
        place("d", "192.168.1.13", "10.42.0.0/24"),
        place("e", "192.168.1.14", "10.43.7.0/24"),
    ];
    let desired = plan(&example(), &places);
    let problems: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "pods of node c cannot be reached: its range 10.42.1.128/25 overlaps that of node b",
            "pods of node d cannot be reached: its range 10.42.0.0/24 overlaps that of this node",
            "pods of node e cannot be reached: its range 10.43.7.0/24 overlaps that of the Services",
        ]
    );
    assert_eq!(desired.routes.len(), 3);
}

#[test]
fn a_network_of_the_nodes_within_a_range_is_told() {
    let mut seen = observed();
    seen.addresses[3].net = "10.43.9.1/24".parse().unwrap();
    let desired = desired(&example(), own(), &[], &seen);
    let problems: Vec<String> = desired.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "the network 10.43.9.0/24 of eth1 lies within the cluster's range 10.43.0.0/16: an address would mean two things"
        ]
    );
}

#[test]
fn a_node_with_the_whole_range_has_no_route_for_the_rest() {
    let mut config = example();
    config.cluster_cidr = own().pod_cidr;
    assert_eq!(ways(&plan(&config, &[])).len(), 1);
}

#[test]
fn the_bridge_is_made_and_mended() {
    let device = &plan(&example(), &[]).devices[0];
    let mut seen = observed();
    // An untouched one of another kind is in the way.
    assert_eq!(device_changes(device, &seen), [DeviceChange::Refuse]);
    let bridge = &mut seen.links[3];
    bridge.kind = LinkKind::Bridge;
    bridge.mac = Some(Mac([0x0a, 0x58, 10, 42, 0, 1]));
    assert_eq!(device_changes(device, &seen), []);

    let bridge = &mut seen.links[3];
    (bridge.mac, bridge.mtu, bridge.up) = (None, 1400, false);
    seen.addresses[4].net = "10.42.7.1/24".parse().unwrap();
    assert_eq!(
        device_changes(device, &seen),
        [
            DeviceChange::SetMac(4),
            DeviceChange::SetMtu(4),
            DeviceChange::SetUp(4),
            DeviceChange::TakeAddress(seen.addresses[4]),
            DeviceChange::GiveAddress(4, net("10.42.0.1/24")),
        ]
    );
    seen.links.remove(3);
    assert_eq!(device_changes(device, &seen), [DeviceChange::Make]);
}

#[test]
fn a_tunnel_of_other_settings_is_made_anew() {
    let mut config = example();
    config.tunnel = Some(Tunnel::default());
    assert_eq!(plan(&config, &[]).devices.len(), 1, "nobody needs it");
    let device = &plan(&config, &[place("b", "198.51.100.7", "10.42.1.0/24")]).devices[1];
    let end = TunnelEnd {
        vni: 1,
        port: 8472,
        local: own().ip,
        device: 2,
    };
    assert_eq!(device.kind, DeviceKind::Tunnel(end));
    let mut seen = observed();
    assert_eq!(device_changes(device, &seen), [DeviceChange::Make]);
    let mut tunnel = link(5, TUNNEL);
    tunnel.kind = LinkKind::Vxlan(TunnelEnd { vni: 2, ..end });
    seen.links.push(tunnel);
    assert_eq!(device_changes(device, &seen), [DeviceChange::Remove(5)]);
    seen.links[4].kind = LinkKind::Vxlan(end);
    seen.links[4].mac = Some(device.mac);
    assert_eq!(
        device_changes(device, &seen),
        [
            DeviceChange::SetMtu(5),
            DeviceChange::GiveAddress(5, device.address)
        ]
    );
}

#[test]
fn only_marked_routes_are_changed() {
    let route = |destination: &str, kind, protocol| Route {
        destination: destination.parse().unwrap(),
        kind,
        source: None,
        protocol,
    };
    let wanted = [
        route("10.42.0.0/16", RouteKind::Unreachable, ROUTE_PROTOCOL),
        route("10.42.1.0/24", RouteKind::Link(2), ROUTE_PROTOCOL),
        route("10.42.2.0/24", RouteKind::Link(2), ROUTE_PROTOCOL),
        route("10.42.3.0/24", RouteKind::Link(2), ROUTE_PROTOCOL),
    ];
    let found = [
        wanted[0].clone(),
        route("10.42.1.0/24", RouteKind::Link(9), ROUTE_PROTOCOL),
        route("10.42.2.0/24", RouteKind::Link(2), 4),
        route("10.42.8.0/24", RouteKind::Link(2), ROUTE_PROTOCOL),
        route("10.42.9.0/24", RouteKind::Link(2), 4),
    ];
    let (changes, problems) = route_changes(&wanted, &found);
    assert_eq!(
        changes,
        [
            RouteChange::Delete(found[3].clone()),
            RouteChange::Set(wanted[1].clone()),
            RouteChange::Set(wanted[3].clone()),
        ]
    );
    assert_eq!(problems, [Problem::ForeignRoute(wanted[2].destination)]);
}

#[test]
fn rules_name_the_ranges() {
    let text = plan(&example(), &[]).table.to_string();
    for rule in [
        "ip saddr != 10.42.0.0/24 return",
        "ip daddr 10.42.0.0/16 return",
        r#"oifname != "pintle0" masquerade fully-random"#,
        "ip daddr 10.43.0.0/16 meta l4proto tcp reject with tcp reset",
        "ip daddr 10.43.0.0/16 reject\n",
    ] {
        assert!(text.contains(rule), "{rule} is not in {text}");
    }
}
