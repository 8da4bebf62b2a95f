//! The plugin as the runtime sees it.

use linux::{Namespace, Netlink};
use network::cni::Plugin;
use serde_json::{Value, json};

use crate::world::{Node, World, block_in, eventually, ip, isolated};

fn config_with(node: &Node, key: &str, value: Value) -> Value {
    let mut config = node.plugin_config();
    config[key] = value;
    config
}

fn cables(node: &Node) -> usize {
    let links = block_in(&node.namespace, async || Netlink::open().unwrap().links().await);
    links
        .unwrap()
        .iter()
        .filter(|link| link.name.starts_with("pv"))
        .count()
}

#[test]
fn a_pod_is_told_what_it_has() {
    isolated("plugin::a_pod_is_told_what_it_has", || {
        let (_world, a, _b) = World::two_nodes();
        let pod = a.pod("a1");
        let cable = pod.result["interfaces"][1]["name"].clone();
        let mac = pod.result["interfaces"][1]["mac"].clone();
        assert_eq!(
            pod.result,
            json!({
                "cniVersion": "1.1.0",
                "interfaces": [
                    {"name": "pintle0", "mac": "0a:58:0a:2a:0a:01"},
                    {"name": cable, "mac": mac},
                    {"name": "eth0", "mac": "0a:58:0a:2a:0a:02", "sandbox": "/run/netns/a1"},
                ],
                "ips": [{"interface": 2, "address": "10.42.10.2/32", "gateway": "10.42.10.1"}],
                "routes": [{"dst": "0.0.0.0/0", "gw": "10.42.10.1"}],
                "dns": {},
            })
        );
        let old = Namespace::create("old").unwrap();
        let config = config_with(&a, "cniVersion", json!("0.3.1"));
        let answer = a.call("ADD", "old", &config).unwrap();
        assert_eq!(
            (&answer["cniVersion"], &answer["ips"][0]["version"]),
            (&json!("0.3.1"), &json!("4"))
        );
        drop(old);
    });
}

#[test]
fn a_pod_is_checked_and_disconnected() {
    isolated("plugin::a_pod_is_checked_and_disconnected", || {
        let (_world, a, _b) = World::two_nodes();
        let pod = a.pod("a1");
        let config = config_with(&a, "prevResult", pod.result.clone());
        let check = || a.call("CHECK", "a1", &config);
        check().unwrap();
        let refused = |message: &str| {
            let error = check().unwrap_err();
            assert_eq!((&error["code"], &error["msg"]), (&json!(102), &json!(message)));
        };
        let cable = pod.result["interfaces"][1]["name"].as_str().unwrap().to_owned();
        ip(&format!("-n a link set {cable} nomaster"));
        refused(&format!("{cable} does not lead to pintle0"));
        ip(&format!("-n a link set {cable} master pintle0"));
        ip("-n a1 route delete default");
        refused("eth0 does not lead to 10.42.10.1");
        ip("-n a1 addr flush dev eth0");
        refused("eth0 does not have the address 10.42.10.2");

        a.del("a1");
        assert_eq!(cables(&a), 0);
        refused("nothing is known of container container-a1");
        a.del("a1");
        // Whatever is gone already.
        let gone = a.pod("gone");
        drop(gone);
        ip("netns delete gone");
        a.del("gone");
        std::fs::remove_dir_all(&a.config.state_dir).unwrap();
        a.del("gone");
    });
}

#[test]
fn connecting_again_gives_one_cable() {
    isolated("plugin::connecting_again_gives_one_cable", || {
        let (_world, a, _b) = World::two_nodes();
        let first = a.pod("a1");
        // What a plugin that was killed may leave is no hindrance.
        let second = a.add("a1", first.namespace.clone(), json!([])).unwrap();
        assert_eq!(cables(&a), 1);
        assert_ne!(first.ip, second.ip);
        let config = config_with(&a, "prevResult", second.result);
        a.call("CHECK", "a1", &config).unwrap();
    });
}

#[test]
fn a_failure_leaves_nothing() {
    isolated("plugin::a_failure_leaves_nothing", || {
        let (_world, a, _b) = World::two_nodes();
        let namespace = Namespace::create("a1").unwrap();
        ip("-n a1 link add eth0 type bridge");
        let error = a.add("a1", namespace.clone(), json!([])).err().unwrap();
        assert_eq!(error["code"], 5);
        assert!(
            error["details"].as_str().unwrap().contains("File exists"),
            "{error}"
        );
        assert_eq!(cables(&a), 0);
        let ledger = crate::world::read(&a.config.state_dir.join("allocations.json"));
        assert!(!ledger.contains("container-a1"), "{ledger}");
        ip("-n a1 link delete eth0");
        a.add("a1", namespace, json!([])).unwrap();
    });
}

#[test]
fn the_dead_are_collected() {
    isolated("plugin::the_dead_are_collected", || {
        let (world, _a, _b) = World::two_nodes();
        let mut tiny = world.node("tiny", 31, 20);
        world.api.set("tiny", Some(tiny.ip), Some("10.42.20.0/29"));
        tiny.start();
        let names = ["p1", "p2", "p3", "p4", "p5"];
        for name in names {
            tiny.pod(name);
        }
        let status = || tiny.call("STATUS", "", &tiny.plugin_config());
        assert_eq!(status().unwrap_err()["code"], 50);
        let another = Namespace::create("another").unwrap();
        let error = tiny.add("another", another.clone(), json!([])).err().unwrap();
        assert_eq!(error["msg"], "all 5 addresses of 10.42.20.0/29 are taken");

        // A container whose namespace is gone has no address any more, told or not.
        ip("netns delete p3");
        let pod = eventually("an address", || {
            tiny.add("another", another.clone(), json!([])).ok()
        });
        assert_eq!(pod.ip.to_string(), "10.42.20.4");

        // Those the runtime does not know either.
        let valid = json!([{"containerID": "container-p1", "ifname": "eth0"}]);
        let config = config_with(&tiny, "cni.dev/valid-attachments", valid);
        tiny.call("GC", "", &config).unwrap();
        assert_eq!(cables(&tiny), 1);
        status().unwrap();
    });
}

#[test]
fn what_a_kill_leaves_is_no_hindrance() {
    isolated("plugin::what_a_kill_leaves_is_no_hindrance", || {
        let (_world, a, _b) = World::two_nodes();
        let ports = json!([{"hostPort": 8080, "containerPort": 80}]);
        let first = a.pod_with("a1", ports.clone());
        // Killed while it wrote the ledger.
        let new = a.config.state_dir.join("allocations.json.new");
        std::fs::write(&new, r#"{"last": "10.42."#).unwrap();
        // Killed when it had written it: there is no cable.
        let cable = first.result["interfaces"][1]["name"].as_str().unwrap();
        ip(&format!("-n a link delete {cable}"));

        let second = Namespace::create("a2").unwrap();
        let second = a.add("a2", second, ports.clone()).unwrap();
        assert_ne!(second.ip, first.ip);
        assert!(!new.exists());
        let config = config_with(&a, "prevResult", second.result);
        a.call("CHECK", "a2", &config).unwrap();
        a.del("a1");
        a.call("CHECK", "a2", &config).unwrap();
    });
}

#[test]
fn without_the_nodes_network_it_is_tried_again_later() {
    isolated(
        "plugin::without_the_nodes_network_it_is_tried_again_later",
        || {
            let (_world, mut a, _b) = World::two_nodes();
            a.stop();
            ip("-n a link delete pintle0");
            let namespace = Namespace::create("a1").unwrap();
            let error = a.add("a1", namespace, json!([])).err().unwrap();
            assert_eq!(error["code"], 11);
            assert_eq!(
                error["msg"],
                "the node's network is not ready: there is no pintle0"
            );
            let status = a.call("STATUS", "", &a.plugin_config()).unwrap_err();
            assert_eq!(status["code"], 50);
        },
    );
}

#[test]
fn loopback_is_switched_on() {
    isolated("plugin::loopback_is_switched_on", || {
        let world = World::new();
        let node = world.node("a", 31, 10);
        let pod = Namespace::create("a1").unwrap();
        let config = json!({"cniVersion": "0.4.0", "name": "cni-loopback", "type": "loopback"});
        let call = |command| node.call_plugin(Plugin::Loopback, command, "a1", &config);
        assert_eq!(call("CHECK").unwrap_err()["code"], 102);
        let answer = call("ADD").unwrap();
        assert_eq!(answer["ips"][0]["address"], "127.0.0.1/8");
        call("CHECK").unwrap();
        call("DEL").unwrap();
        drop(pod);
    });
}
