//! What is asked of the kernel is there, and what is there is read.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::*;
use crate::testing::isolated;

const MAKER: u8 = 80;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn bridge(netlink: &Netlink, name: &str) -> Link {
    let mac = Mac::of_ip(ip("10.1.0.1"));
    netlink
        .add_bridge(&Bridge { name, mac, mtu: 1400 })
        .await
        .unwrap();
    netlink.link(name).await.unwrap().unwrap()
}

#[test]
fn a_bridge_has_what_was_asked_for() {
    isolated("netlink::tests::a_bridge_has_what_was_asked_for", async || {
        let netlink = Netlink::open().unwrap();
        assert_eq!(netlink.link("br0").await.unwrap(), None);
        let link = bridge(&netlink, "br0").await;
        assert_eq!((link.kind, link.mtu, link.up), (LinkKind::Bridge, 1400, true));
        assert_eq!(link.mac.unwrap().to_string(), "0a:58:0a:01:00:01");

        let again = netlink
            .add_bridge(&Bridge {
                name: "br0",
                mac: link.mac.unwrap(),
                mtu: 1400,
            })
            .await;
        assert!(again.unwrap_err().is_present());

        let address = Address {
            link: link.index,
            net: net("10.1.0.1/24"),
        };
        let address6 = Address {
            link: link.index,
            net: net("fd00::1/64"),
        };
        for address in [address, address, address6] {
            netlink.add_address(address).await.unwrap();
        }
        let addresses = netlink.addresses().await.unwrap();
        assert!(
            addresses.contains(&address) && addresses.contains(&address6),
            "{addresses:?}"
        );
        netlink.delete_address(address).await.unwrap();
        netlink.delete_address(address).await.unwrap();
        assert!(!netlink.addresses().await.unwrap().contains(&address));

        netlink.set_mtu(link.index, 1300).await.unwrap();
        netlink.set_down(link.index).await.unwrap();
        let changed = netlink.link("br0").await.unwrap().unwrap();
        assert_eq!((changed.mtu, changed.up), (1300, false));
        netlink.delete_link(link.index).await.unwrap();
        netlink.delete_link(link.index).await.unwrap();
        assert_eq!(netlink.link("br0").await.unwrap(), None);
    });
}

#[test]
fn a_cable_leads_into_another_namespace() {
    isolated(
        "netlink::tests::a_cable_leads_into_another_namespace",
        async || {
            let netlink = Netlink::open().unwrap();
            let bridge = bridge(&netlink, "br0").await;
            let namespace = Namespace::create("pod").unwrap();
            let peer_mac = Mac::of_ip(ip("10.1.0.2"));
            let veth = Veth {
                name: "v0",
                mtu: 1400,
                peer_name: "eth0",
                peer_mac,
                peer_namespace: &namespace,
            };
            netlink.add_veth(&veth).await.unwrap();
            let end = netlink.link("v0").await.unwrap().unwrap();
            netlink.set_master(end.index, Some(bridge.index)).await.unwrap();
            let port = BridgePort {
                hairpin: true,
                isolated: true,
            };
            netlink.set_bridge_port(end.index, port).await.unwrap();
            netlink.set_up(end.index).await.unwrap();
            let end = netlink.link("v0").await.unwrap().unwrap();
            assert_eq!(
                (end.kind, end.mtu, end.up, end.master),
                (LinkKind::Veth, 1400, true, Some(bridge.index))
            );

            let inside = Netlink::open_in(&namespace).unwrap();
            let peer = inside.link("eth0").await.unwrap().unwrap();
            assert_eq!((peer.mac, peer.mtu, peer.up), (Some(peer_mac), 1400, false));
            assert_eq!(netlink.link("eth0").await.unwrap(), None);

            // It can go home again.
            let home = Namespace::current().unwrap();
            inside.move_to(peer.index, &home).await.unwrap();
            assert!(netlink.link("eth0").await.unwrap().is_some());
        },
    );
}

#[test]
fn routes_are_read_as_they_were_set() {
    isolated("netlink::tests::routes_are_read_as_they_were_set", async || {
        let netlink = Netlink::open().unwrap();
        let link = bridge(&netlink, "br0").await.index;
        for text in ["10.1.0.1/24", "fd00::1/64"] {
            let net = net(text);
            netlink.add_address(Address { link, net }).await.unwrap();
        }
        let route = |destination: &str, kind| Route {
            destination: net(destination),
            kind,
            source: None,
            protocol: MAKER,
        };
        let via = |gateway: &str, onlink| RouteKind::Via {
            gateway: ip(gateway),
            link,
            onlink,
        };
        let mut wanted = vec![
            route("10.2.0.0/24", via("10.1.0.9", false)),
            route("10.3.0.0/24", via("10.9.0.9", true)),
            route("10.4.0.0/16", RouteKind::Unreachable),
            route("10.5.0.0/16", RouteKind::Blackhole),
            route("0.0.0.0/0", via("10.1.0.8", false)),
            route("fd02::/64", via("fd00::9", false)),
            route("fd04::/64", RouteKind::Unreachable),
            Route {
                source: Some(ip("10.1.0.1")),
                ..route("10.6.0.0/16", RouteKind::Link(link))
            },
        ];
        for route in &wanted {
            netlink.set_route(route).await.unwrap();
        }
        // Setting it again changes it.
        wanted[0].kind = via("10.1.0.10", false);
        netlink.set_route(&wanted[0]).await.unwrap();
        let found = ours(&netlink).await;
        for route in &wanted {
            assert!(found.contains(route), "{route:?} is not among {found:#?}");
        }
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
        for route in wanted.iter().chain(&wanted[..1]) {
            netlink.delete_route(route).await.unwrap();
        }
        assert_eq!(ours(&netlink).await, []);
    });
}

async fn ours(netlink: &Netlink) -> Vec<Route> {
    let mut routes = netlink.routes().await.unwrap();
    routes.retain(|route| route.protocol == MAKER);
    routes
}

#[test]
fn a_tunnel_knows_its_ends() {
    isolated("netlink::tests::a_tunnel_knows_its_ends", async || {
        let netlink = Netlink::open().unwrap();
        let device = bridge(&netlink, "br0").await.index;
        let mac = Mac::of_ip(ip("10.1.0.1"));
        let end = TunnelEnd {
            vni: 7,
            port: 4789,
            local: [10, 1, 0, 1].into(),
            device,
        };
        let vxlan = Vxlan {
            name: "vx0",
            end,
            mac,
            mtu: 1350,
        };
        netlink.add_vxlan(&vxlan).await.unwrap();
        let tunnel = netlink.link("vx0").await.unwrap().unwrap();
        assert_eq!(
            (tunnel.kind, tunnel.mac, tunnel.mtu),
            (LinkKind::Vxlan(end), Some(mac), 1350)
        );
        let link = tunnel.index;
        let mac = Mac::of_ip(ip("10.1.0.2"));
        let entries = [
            Neighbour::Address {
                link,
                ip: ip("10.42.2.0"),
                mac,
            },
            Neighbour::Tunnel {
                link,
                mac,
                end: ip("10.1.0.2"),
            },
        ];
        for entry in entries.into_iter().chain(entries) {
            netlink.add_neighbour(entry).await.unwrap();
        }
        assert_eq!(netlink.neighbours(link).await.unwrap(), entries);
        for entry in entries.into_iter().chain(entries) {
            netlink.delete_neighbour(entry).await.unwrap();
        }
        assert_eq!(netlink.neighbours(link).await.unwrap(), []);
    });
}

#[test]
fn others_changes_are_told() {
    isolated("netlink::tests::others_changes_are_told", async || {
        let mut changes = Changes::open().unwrap();
        let netlink = Netlink::open().unwrap();
        bridge(&netlink, "br0").await;
        tokio::time::timeout(Duration::from_secs(10), changes.changed())
            .await
            .unwrap();
    });
}
