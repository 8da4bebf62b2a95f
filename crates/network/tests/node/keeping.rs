//! The node's network is kept as it should be, and removed without a trace.

use std::os::unix::fs::MetadataExt;

use linux::netlink::{Address, Link, Route};
use linux::nft::Family;
use linux::{Namespace, Netlink, Nft};

use crate::traffic::{ask, serve};
use crate::world::{Node, World, block_in, eventually, ip, isolated};

/// All that the kernel has of a node.
#[derive(Debug, PartialEq)]
struct State {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
    tables: Vec<String>,
}

fn state(namespace: &Namespace) -> State {
    block_in(namespace, async || {
        let netlink = Netlink::open().unwrap();
        let mut tables = Vec::new();
        for table in ["pintle-network", "pintle-hostports"] {
            tables.extend(Nft::default().list(Family::Ip, table).await.unwrap());
        }
        let mut addresses = netlink.addresses().await.unwrap();
        // IPv6 gives itself addresses when it comes to it.
        addresses.retain(|address| address.net.addr().is_ipv4());
        let mut routes = netlink.routes().await.unwrap();
        routes.retain(|route| route.destination.addr().is_ipv4());
        State {
            links: netlink.links().await.unwrap(),
            addresses,
            routes,
            tables,
        }
    })
}

fn has_route(node: &Node, destination: &str) -> bool {
    let destination = destination.parse().unwrap();
    state(&node.namespace)
        .routes
        .iter()
        .any(|route| route.destination == destination)
}

#[test]
fn what_is_there_is_taken_over() {
    isolated("keeping::what_is_there_is_taken_over", || {
        let (_world, mut a, b) = World::two_nodes();
        let (a1, b1) = (a.pod("a1"), b.pod("b1"));
        serve(&a1.namespace, [0, 0, 0, 0].into(), 80);
        let before = state(&a.namespace);
        let file = a.conflist().metadata().unwrap().ino();
        a.stop();
        assert_eq!(state(&a.namespace), before, "ending undoes nothing");
        ask(&b1.namespace, (a1.ip, 80)).unwrap();
        a.start_unready();
        // A change that only a running keeper mends tells that it has been over everything.
        ip("-n a link set pintle0 mtu 1300");
        eventually("the bridge's MTU", || {
            (state(&a.namespace) == before).then_some(())
        });
        assert_eq!(a.conflist().metadata().unwrap().ino(), file);
        ask(&b1.namespace, (a1.ip, 80)).unwrap();
    });
}

#[test]
fn nodes_come_and_go() {
    isolated("keeping::nodes_come_and_go", || {
        let (world, mut a, _b) = World::two_nodes();
        assert!(has_route(&a, "10.42.11.0/24"));
        world.api.remove("b");
        eventually("the route's end", || {
            (!has_route(&a, "10.42.11.0/24")).then_some(())
        });
        world
            .api
            .set("c", Some([172, 31, 0, 12].into()), Some("10.42.12.0/24"));
        eventually("a new route", || has_route(&a, "10.42.12.0/24").then_some(()));

        // Routes that somebody else takes away, or that an interface takes with it, come back.
        ip("-n a route delete 10.42.12.0/24");
        eventually("the route again", || has_route(&a, "10.42.12.0/24").then_some(()));
        ip("-n a link set eth0 down");
        eventually("the route's end", || {
            (!has_route(&a, "10.42.12.0/24")).then_some(())
        });
        ip("-n a link set eth0 up");
        eventually("the route again", || has_route(&a, "10.42.12.0/24").then_some(()));
        a.stop();
    });
}

#[test]
fn a_node_without_range_waits() {
    isolated("keeping::a_node_without_range_waits", || {
        let world = World::new();
        let mut a = world.node("a", 31, 10);
        world.api.set("a", Some(a.ip), None);
        // What an earlier life of the machine said is no longer true.
        std::fs::create_dir_all(&a.config.cni_conf_dir).unwrap();
        std::fs::write(a.conflist(), "{}").unwrap();
        a.start_unready();
        eventually("the stale file's end", || (!a.conflist().exists()).then_some(()));
        world.api.set("a", Some(a.ip), Some("10.42.10.0/24"));
        eventually("the network's file", || a.conflist().exists().then_some(()));
        assert_eq!(a.plugin_config()["subnet"], "10.42.10.0/24");
    });
}

#[test]
fn a_tunnel_that_cannot_be_is_no_hindrance() {
    isolated("keeping::a_tunnel_that_cannot_be_is_no_hindrance", || {
        let world = World::new();
        let mut a = world.node("a", 31, 10);
        // Something else has its name.
        ip("-n a link add pintle-vx type bridge");
        crate::world::with_tunnel(&mut [&mut a]);
        world
            .api
            .set("far", Some([172, 32, 0, 12].into()), Some("10.42.12.0/24"));
        a.start();
        a.pod("a1");
        assert!(has_route(&a, "10.42.0.0/16") && !has_route(&a, "10.42.12.0/24"));
        // When it can be, it is.
        ip("-n a link delete pintle-vx");
        eventually("the route through the tunnel", || {
            has_route(&a, "10.42.12.0/24").then_some(())
        });
    });
}

#[test]
fn cleaning_up_leaves_what_was_there() {
    isolated("keeping::cleaning_up_leaves_what_was_there", || {
        let world = World::new();
        let mut a = world.node("a", 31, 10);
        ip("-n a link add br-other type bridge");
        ip("-n a link add pvother type veth peer name pvpeer");
        ip("-n a route add 10.77.0.0/16 via 172.31.0.1");
        let other = "table ip other {\n chain in { type filter hook input priority 0; }\n}\n";
        block_in(&a.namespace, async || Nft::default().load(other).await).unwrap();
        let before = state(&a.namespace);
        crate::world::with_tunnel(&mut [&mut a]);
        world
            .api
            .set("far", Some([172, 32, 0, 12].into()), Some("10.42.12.0/24"));
        a.start();
        assert!(has_route(&a, "10.42.12.0/24"));
        a.pod("a1");
        a.stop();
        assert_ne!(state(&a.namespace), before);
        for _ in 0..2 {
            let traces = a.traces();
            block_in(&a.namespace, async || network::cleanup(&traces).await).unwrap();
            assert_eq!(state(&a.namespace), before);
            assert!(!a.conflist().exists() && !a.config.state_dir.exists());
        }
        let listed = block_in(&a.namespace, async || {
            Nft::default().list(Family::Ip, "other").await
        });
        assert!(listed.unwrap().is_some());
    });
}
