//! Ports of the node that lead to pods.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use linux::Namespace;
use serde_json::json;

use crate::traffic::{Sender, ask, ask_udp, serve, serve_name, serve_udp};
use crate::world::{Node, OUTSIDE, World, eventually, isolated};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn host_ports_lead_to_pods_from_everywhere() {
    isolated("host_ports::host_ports_lead_to_pods_from_everywhere", || {
        let (world, a, b) = World::two_nodes();
        // One of them has rules see the bridge's frames, the other has not.
        lead_everywhere(&world, &a, &b, [10, 42, 10, 1].into());
        lead_everywhere(&world, &b, &a, [10, 42, 11, 1].into());
    });
}

fn lead_everywhere(world: &World, node: &Node, another: &Node, bridge: Ipv4Addr) {
    let ports = json!([
        {"hostPort": 8080, "containerPort": 80, "protocol": "TCP"},
        {"hostPort": 53, "containerPort": 5353, "protocol": "udp"},
        {"containerPort": 9999},
    ]);
    let name = |name: &str| format!("{name}-{}", node.ip);
    let web = node.pod_with(&name("web"), ports);
    let (other, far) = (node.pod(&name("other")), another.pod(&name("far")));
    serve(&web.namespace, ANY, 80);
    serve_udp(&web.namespace, ANY, 5353);
    let port = (node.ip, 8080);
    for (from, seen) in [
        (&world.outside, OUTSIDE),
        (&other.namespace, other.ip),
        (&far.namespace, another.ip),
        // The pod itself comes as the bridge.
        (&web.namespace, bridge),
    ] {
        let path = from.path().display();
        let answer = ask(from, port).unwrap_or_else(|error| panic!("{path} to {port:?}: {error}"));
        assert_eq!(answer, seen, "{path}");
    }
    assert_eq!(ask_udp(&world.outside, (node.ip, 53)).unwrap(), OUTSIDE);
    assert_eq!(ask(&node.namespace, (LOOPBACK, 8080)).unwrap(), bridge);
    ask(&node.namespace, port).unwrap();

    node.del(&web.name);
    let error = ask(&world.outside, port).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_host_port_is_one_pods() {
    isolated("host_ports::a_host_port_is_one_pods", || {
        let (_world, a, _b) = World::two_nodes();
        let ports = json!([{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]);
        a.pod_with("one", ports.clone());
        let two = Namespace::create("two").unwrap();
        let error = a.add("two", two.clone(), ports.clone()).err().unwrap();
        assert_eq!(error["code"], 101);
        assert_eq!(error["msg"], "the host port 8080/tcp is taken by pod test/one");
        // The dead hold no ports.
        crate::world::ip("netns delete one");
        eventually("the port", || a.add("two", two.clone(), ports.clone()).ok());
    });
}

#[test]
fn datagrams_follow_a_port_to_its_next_pod() {
    isolated("host_ports::datagrams_follow_a_port_to_its_next_pod", || {
        let (world, a, _b) = World::two_nodes();
        let ports = json!([{"hostPort": 5000, "containerPort": 50, "protocol": "UDP"}]);
        // A sender that begins too early, and never stops.
        let sender = Sender::new(&world.outside, (a.ip, 5000));
        sender.ask();
        for name in ["one", "two"] {
            let pod = a.pod_with(name, ports.clone());
            serve_name(&pod.namespace, 50, name);
            eventually("an answer", || {
                (sender.ask().as_deref() == Some(name)).then_some(())
            });
            a.del(name);
        }
    });
}

#[test]
fn a_host_port_may_be_at_one_address() {
    isolated("host_ports::a_host_port_may_be_at_one_address", || {
        let (world, a, _b) = World::two_nodes();
        let ports = json!([{"hostPort": 8080, "containerPort": 80, "hostIP": "127.0.0.1"}]);
        let web = a.pod_with("web", ports);
        serve(&web.namespace, ANY, 80);
        ask(&a.namespace, (LOOPBACK, 8080)).unwrap();
        assert!(ask(&world.outside, (a.ip, 8080)).is_err());
    });
}

#[test]
fn pods_do_not_reach_the_nodes_loopback() {
    isolated("host_ports::pods_do_not_reach_the_nodes_loopback", || {
        let (_world, a, _b) = World::two_nodes();
        let pod = a.pod("a1");
        let to = serve(&a.namespace, LOOPBACK, 0);
        ask(&a.namespace, to).unwrap();
        // A pod that sends the node's loopback address to the node.
        crate::world::ip("-n a1 addr del 127.0.0.1/8 dev lo");
        pod.namespace
            .run(|| linux::Sysctl::new("net/ipv4/conf/eth0/route_localnet", 1).apply())
            .unwrap()
            .unwrap();
        crate::world::ip("-n a1 route add 127.0.0.0/8 via 10.42.10.1 dev eth0");
        assert!(ask(&pod.namespace, to).is_err());
    });
}
