//! Who reaches whom, and as whom.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};

use linux::Nft;

use crate::traffic::{ask, ask_udp, serve, serve_udp};
use crate::world::{OUTSIDE, World, block_in, eventually, isolated, with_tunnel};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

#[test]
fn pods_reach_each_other_as_themselves() {
    isolated("reach::pods_reach_each_other_as_themselves", || {
        let (world, a, b) = World::two_nodes();
        let (a1, a2, b1) = (a.pod("a1"), a.pod("a2"), b.pod("b1"));
        assert_eq!(a1.ip, Ipv4Addr::new(10, 42, 10, 2));
        for pod in [&a1, &a2, &b1] {
            serve(&pod.namespace, ANY, 80);
            serve_udp(&pod.namespace, ANY, 53);
        }
        for from in [&a1, &a2, &b1] {
            for to in [&a1, &a2, &b1] {
                let both = format!("{} to {}", from.name, to.name);
                assert_eq!(ask(&from.namespace, (to.ip, 80)).expect(&both), from.ip, "{both}");
                assert_eq!(ask_udp(&from.namespace, (to.ip, 53)).expect(&both), from.ip);
            }
        }
        // Nodes reach pods, their own as the bridge.
        assert_eq!(
            ask(&a.namespace, (a1.ip, 80)).unwrap(),
            Ipv4Addr::new(10, 42, 10, 1)
        );
        assert_eq!(ask(&a.namespace, (b1.ip, 80)).unwrap(), a.ip);
        // Pods reach their node as themselves.
        serve(&a.namespace, ANY, 80);
        assert_eq!(ask(&a1.namespace, (a.ip, 80)).unwrap(), a1.ip);
        assert_eq!(world.strays(), 0);
    });
}

#[test]
fn outside_the_cluster_pods_are_masked() {
    isolated("reach::outside_the_cluster_pods_are_masked", || {
        let (world, a, b) = World::two_nodes();
        let a1 = a.pod("a1");
        serve(&world.outside, ANY, 80);
        serve(&b.namespace, ANY, 80);
        assert_eq!(ask(&a1.namespace, (OUTSIDE, 80)).unwrap(), a.ip);
        assert_eq!(ask(&a1.namespace, (b.ip, 80)).unwrap(), a.ip);
    });
}

#[test]
fn what_nobody_rewrites_dies_on_the_node() {
    isolated("reach::what_nobody_rewrites_dies_on_the_node", || {
        let (world, a, b) = World::two_nodes();
        let (a1, b1) = (a.pod("a1"), b.pod("b1"));
        serve(&b1.namespace, ANY, 80);
        let service = (Ipv4Addr::new(10, 43, 0, 9), 80);
        let no_node = ([10, 42, 99, 1].into(), 80);
        for from in [&a1.namespace, &a.namespace] {
            for (to, kind) in [
                (service, ErrorKind::ConnectionRefused),
                (no_node, ErrorKind::HostUnreachable),
            ] {
                let error = ask(from, to).unwrap_err();
                assert_eq!(
                    error.kind(),
                    kind,
                    "{to:?} from {}: {error}",
                    from.path().display()
                );
            }
        }
        assert!(ask(&a1.namespace, (Ipv4Addr::new(10, 42, 10, 200), 80)).is_err());
        assert_eq!(world.strays(), 0);

        // With a proxy's rule, the same Service is reached from pods and from the node.
        let rules = format!(
            "table ip proxy {{
                chain services {{ ip daddr {} tcp dport 80 dnat to {}:80; }}
                chain pre {{ type nat hook prerouting priority -100; jump services; }}
                chain out {{ type nat hook output priority -100; jump services; }}
            }}\n",
            service.0, b1.ip
        );
        block_in(&a.namespace, async || Nft::default().load(&rules).await).unwrap();
        assert_eq!(ask(&a1.namespace, service).unwrap(), a1.ip);
        assert_eq!(ask(&a.namespace, service).unwrap(), a.ip);

        // Even when all rules are lost, what is for Services stays on the node.
        block_in(&a.namespace, async || {
            Nft::default().load("flush ruleset\n").await
        })
        .unwrap();
        for from in [&a1.namespace, &a.namespace] {
            assert!(ask(from, service).is_err());
        }
        assert_eq!(world.strays(), 0);
    });
}

#[test]
fn nodes_that_are_no_neighbours_need_a_tunnel() {
    isolated("reach::nodes_that_are_no_neighbours_need_a_tunnel", || {
        let world = World::new();
        let (mut a, mut c) = (world.node("a", 31, 10), world.node("c", 32, 12));
        a.start();
        c.start();
        let (a1, c1) = (a.pod("a1"), c.pod("c1"));
        serve(&c1.namespace, ANY, 80);
        // Without one, packets die on the node.
        let error = ask(&a1.namespace, (c1.ip, 80)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable);
        assert_eq!(world.strays(), 0);

        // The machine between them lets pass what is for nodes.
        world
            .outside
            .run(|| linux::Sysctl::new("net/ipv4/ip_forward", 1).apply())
            .unwrap()
            .unwrap();
        a.stop();
        c.stop();
        with_tunnel(&mut [&mut a, &mut c]);
        a.start();
        c.start();
        let answer = eventually("an answer through the tunnel", || {
            ask(&a1.namespace, (c1.ip, 80)).ok()
        });
        assert_eq!(answer, IpAddr::from(a1.ip));
        assert!(ask(&a.namespace, (c1.ip, 80)).is_ok());
        assert_eq!(world.strays(), 0);
        // New pods have room for the tunnel's own bytes.
        assert_eq!(a.plugin_config()["mtu"], 1450);
    });
}
