//! What the rules do to real packets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use serde_json::{Value, json};

use super::machine::{
    Connection, Machine, ask, ask_patiently, ask_udp, listed, serve_tcp, serve_udp, udp_socket,
};
use super::proxy::Proxy;
use crate::config::Config;

const WEB: &str = "10.43.0.10:80";

fn web(fields: Value) -> Value {
    let mut spec = json!({"clusterIP": "10.43.0.10", "ports": [{"port": 80}]});
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn node_port(fields: Value) -> Value {
    let mut spec = web(json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}));
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn serve_all() {
    for pod in 2..2 + Machine::PODS {
        serve_tcp(pod, 8080);
        serve_udp(pod, 5353);
    }
}

#[test]
fn a_service_reaches_all_its_endpoints() {
    Machine::run(
        "testing::kernel::a_service_reaches_all_its_endpoints",
        async || {
            serve_all();
            let mut proxy = Proxy::new();
            proxy.set("web", web(json!({})), &[2, 3]).await;
            for from in ["pod4", "client", ""] {
                let mut counts = BTreeMap::new();
                for _ in 0..60 {
                    *counts.entry(ask(from, WEB).unwrap().pod).or_insert(0) += 1;
                }
                assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [2, 3], "{from}");
                // Of 60 fair throws, fewer than 10 of one side come once in some hundred million times.
                assert!(counts.values().all(|&count| count >= 10), "{from}: {counts:?}");
            }
            // A pod keeps its address; what comes from outside, or from the pod itself, must come back through the node.
            assert_eq!(ask("pod4", WEB).unwrap().came_from.to_string(), "10.42.0.4");
            assert_eq!(ask("client", WEB).unwrap().came_from.to_string(), "10.42.0.1");
            proxy.set("web", web(json!({})), &[2]).await;
            assert_eq!(ask("pod2", WEB).unwrap().came_from.to_string(), "10.42.0.1");
        },
    );
}

#[test]
fn both_families_are_served() {
    Machine::run("testing::kernel::both_families_are_served", async || {
        serve_all();
        let mut proxy = Proxy::new();
        let spec = node_port(json!({"clusterIPs": ["10.43.0.10", "fd43::10"]}));
        proxy.set("web", spec, &[2]).await;
        assert_eq!(
            ask_patiently("pod4", "[fd43::10]:80").came_from.to_string(),
            "fd42::4"
        );
        assert_eq!(ask_patiently("client", "[fd31::1]:30080").pod, 2);
        assert_eq!(ask("pod4", WEB).unwrap().pod, 2);
        proxy.remove("web").await;
        assert!(ask("pod4", "[fd43::10]:80").is_err());
    });
}

#[test]
fn what_nobody_serves_is_refused() {
    Machine::run("testing::kernel::what_nobody_serves_is_refused", async || {
        serve_all();
        let mut proxy = Proxy::new();
        proxy.set("web", node_port(json!({})), &[]).await;
        for (from, to) in [
            ("pod4", WEB),
            ("client", WEB),
            ("", WEB),
            ("client", "172.31.0.1:30080"),
            ("", "172.31.0.1:30080"),
        ] {
            let error = ask(from, to).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{from} {to}");
        }
        proxy.set("web", node_port(json!({})), &[2]).await;
        assert_eq!(ask("pod4", WEB).unwrap().pod, 2);
        // A port that the Service does not have.
        for from in ["pod4", ""] {
            let error = ask(from, "10.43.0.10:81").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{from}");
        }
    });
}

#[test]
fn a_client_stays_with_its_endpoint() {
    Machine::run("testing::kernel::a_client_stays_with_its_endpoint", async || {
        serve_all();
        let mut proxy = Proxy::new();
        let sticky = |seconds: u32| {
            web(json!({
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": seconds}},
            }))
        };
        proxy.set("web", sticky(600), &[2, 3, 4]).await;
        let first = ask("pod5", WEB).unwrap().pod;
        for _ in 0..20 {
            assert_eq!(ask("pod5", WEB).unwrap().pod, first);
        }
        // Another endpoint comes: the client stays. Its own goes: it takes another, and stays there.
        proxy.set("web", sticky(600), &[2, 3]).await;
        proxy.set("web", sticky(600), &[2, 3, 4]).await;
        if first != 4 {
            assert_eq!(ask("pod5", WEB).unwrap().pod, first);
        }
        let others: Vec<u8> = [2, 3, 4].into_iter().filter(|&pod| pod != first).collect();
        proxy.set("web", sticky(600), &others).await;
        let second = ask("pod5", WEB).unwrap().pod;
        assert_ne!(second, first);
        for _ in 0..20 {
            assert_eq!(ask("pod5", WEB).unwrap().pod, second);
        }
        proxy.set("web", sticky(60), &others).await;
        assert!(ask("pod5", WEB).is_ok());
    });
}

#[test]
fn node_ports_are_served() {
    Machine::run("testing::kernel::node_ports_are_served", async || {
        serve_all();
        let mut proxy = Proxy::new();
        proxy.set("web", node_port(json!({})), &[2, 4]).await;
        let pods: BTreeSet<u8> = (0..40)
            .map(|_| ask("client", "172.31.0.1:30080").unwrap().pod)
            .collect();
        assert_eq!(pods, [2, 4].into());
        assert_eq!(
            ask("pod3", "172.31.0.1:30080").unwrap().came_from.to_string(),
            "10.42.0.1"
        );
        assert!(ask("", "172.31.0.1:30080").is_ok());
        assert!(ask("", "127.0.0.1:30080").is_err(), "loopback serves none");

        let local = json!({"externalTrafficPolicy": "Local"});
        proxy.set("web", node_port(local.clone()), &[2, 4]).await;
        for _ in 0..10 {
            let told = ask("client", "172.31.0.1:30080").unwrap();
            assert_eq!(
                (told.pod, told.came_from.to_string().as_str()),
                (2, Machine::CLIENT)
            );
        }
        proxy.set("web", node_port(local), &[4]).await;
        let error = ask("client", "172.31.0.1:30080").err().map(|error| error.kind());
        assert!(
            matches!(error, Some(ErrorKind::TimedOut | ErrorKind::WouldBlock)),
            "no endpoint here: {error:?}"
        );
        assert_eq!(ask("", "172.31.0.1:30080").unwrap().pod, 4, "the node itself may");
        assert_eq!(ask("pod3", "172.31.0.1:30080").unwrap().pod, 4, "pods may");
    });
}

#[test]
fn other_addresses_are_served() {
    Machine::run("testing::kernel::other_addresses_are_served", async || {
        serve_all();
        let mut proxy = Proxy::new();
        proxy
            .set("web", web(json!({"externalIPs": ["172.30.0.5"]})), &[2])
            .await;
        assert_eq!(ask("client", "172.30.0.5:80").unwrap().pod, 2);
        assert_eq!(ask("pod4", "172.30.0.5:80").unwrap().pod, 2);
        let networks = vec!["10.42.0.0/24".parse().unwrap()];
        let mut proxy = Proxy::with(Config {
            nodeport_addresses: networks,
            ..Config::new("here", vec![Machine::NODE.parse().unwrap()])
        });
        proxy.set("web", node_port(json!({})), &[2]).await;
        assert!(ask("pod4", "10.42.0.1:30080").is_ok());
        assert!(ask("client", "172.31.0.1:30080").is_err());
    });
}

#[test]
fn connections_outlive_changes() {
    Machine::run("testing::kernel::connections_outlive_changes", async || {
        serve_all();
        let mut proxy = Proxy::new();
        proxy.set("web", node_port(json!({})), &[2]).await;
        let mut connections = [
            Connection::open("pod4", WEB).unwrap(),
            Connection::open("client", "172.31.0.1:30080").unwrap(),
        ];
        let others = web(json!({"clusterIP": "10.43.0.11"}));
        proxy.set("other", others, &[5]).await;
        proxy.set("web", node_port(json!({})), &[3]).await;
        assert!(
            connections.iter_mut().all(Connection::is_alive),
            "the endpoint changed"
        );
        assert_eq!(ask("pod4", WEB).unwrap().pod, 3);
        proxy.set("web", node_port(json!({})), &[]).await;
        assert!(
            connections.iter_mut().all(Connection::is_alive),
            "no endpoint is left"
        );
        // Another process takes over: it knows nothing of what is there.
        let mut proxy = Proxy::new();
        proxy.set("web", node_port(json!({})), &[3]).await;
        assert!(
            connections.iter_mut().all(Connection::is_alive),
            "all rules are new"
        );
        assert!(!listed().contains("other"));
        proxy.remove("web").await;
        assert!(
            connections.iter_mut().all(Connection::is_alive),
            "the Service is gone"
        );
        assert!(ask("pod4", WEB).is_err());
        assert!(!listed().contains("a/web"), "{}", listed());
    });
}

#[test]
fn datagrams_follow_their_endpoints() {
    Machine::run("testing::kernel::datagrams_follow_their_endpoints", async || {
        serve_all();
        let mut proxy = Proxy::new();
        let dns = || {
            json!({
                "type": "NodePort",
                "clusterIP": "10.43.0.53",
                "ports": [{"port": 53, "protocol": "UDP", "nodePort": 30053}],
            })
        };
        proxy.set("dns", dns(), &[2]).await;
        let sockets = [
            udp_socket("pod4", "10.43.0.53:53"),
            udp_socket("client", "172.31.0.1:30053"),
        ];
        for socket in &sockets {
            assert_eq!(ask_udp(socket), Some(2));
        }
        proxy.set("dns", dns(), &[3]).await;
        for socket in &sockets {
            assert_eq!(
                ask_udp(socket),
                Some(3),
                "the same socket goes to the new endpoint"
            );
        }
        proxy.set("dns", dns(), &[]).await;
        for socket in &sockets {
            assert_eq!(ask_udp(socket), None);
        }
        proxy.set("dns", dns(), &[3]).await;
        for socket in &sockets {
            // The refusal of the last datagram may still be reported once.
            assert!((0..3).any(|_| ask_udp(socket) == Some(3)));
        }
        // Without the Service, the address is as good as any other: nobody's.
        proxy.remove("dns").await;
        for socket in &sockets {
            assert_eq!(ask_udp(socket), None);
        }
    });
}

#[test]
fn local_services_stay_on_the_node() {
    Machine::run("testing::kernel::local_services_stay_on_the_node", async || {
        serve_all();
        let mut proxy = Proxy::new();
        let spec = || web(json!({"internalTrafficPolicy": "Local"}));
        proxy.set("web", spec(), &[2, 4, 5]).await;
        for _ in 0..10 {
            assert_eq!(ask("pod3", WEB).unwrap().pod, 2);
        }
        proxy.set("web", spec(), &[4, 5]).await;
        let error = ask("pod3", WEB).err().map(|error| error.kind());
        assert!(
            matches!(error, Some(ErrorKind::TimedOut | ErrorKind::WouldBlock)),
            "{error:?}"
        );
    });
}

#[test]
fn load_balancers_ask_who_comes() {
    Machine::run("testing::kernel::load_balancers_ask_who_comes", async || {
        serve_all();
        let mut proxy = Proxy::new();
        let spec = web(json!({
            "type": "LoadBalancer",
            "loadBalancerSourceRanges": ["172.31.0.0/24"],
        }));
        let status = json!({"loadBalancer": {"ingress": [{"ip": "172.30.0.7"}]}});
        proxy
            .set_object("web", json!({"spec": spec, "status": status}), &[2])
            .await;
        assert_eq!(ask("client", "172.30.0.7:80").unwrap().pod, 2);
        assert!(ask("pod4", "172.30.0.7:80").is_err(), "not of those that may");
        assert_eq!(ask("pod4", WEB).unwrap().pod, 2, "the ClusterIP is for all");
    });
}
