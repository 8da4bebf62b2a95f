//! Many changes, one after the other, in an order nobody thought of: what they lead to is what a proxy loads that was just
//! started.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::machine::{Machine, listed};
use super::proxy::Proxy;

const STEPS: usize = 100;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.throw(choices.len() as u64);
        choices[usize::try_from(index).unwrap()].clone()
    }

    fn endpoints(&mut self) -> Vec<u8> {
        (2..6).filter(|_| self.throw(2) == 0).collect()
    }
}

/// A Service of any kind. External addresses and NodePorts are few, so that Services quarrel about them.
fn any_service(dice: &mut Dice, number: u64) -> Value {
    let protocol = dice.one_of(&["TCP", "UDP"]);
    let node_port = dice.one_of(&[0, 30080, 30081]);
    let own = format!("10.43.0.{}", 10 + number);
    let spec = json!({
        "type": dice.one_of(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
        "clusterIP": dice.one_of(&[own.as_str(), own.as_str(), own.as_str(), "None"]),
        "clusterIPs": if dice.throw(2) == 0 { json!([own, format!("fd43::{number}")]) } else { json!([]) },
        "ports": [
            {"protocol": protocol, "port": dice.one_of(&[53, 80]), "nodePort": node_port},
        ],
        "externalIPs": dice.one_of(&[vec![], vec!["172.30.0.1"], vec!["172.30.0.1", "fd30::1"]]),
        "sessionAffinity": dice.one_of(&["None", "ClientIP"]),
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": dice.one_of(&[10, 20])}},
        "internalTrafficPolicy": dice.one_of(&["Cluster", "Local"]),
        "externalTrafficPolicy": dice.one_of(&["Cluster", "Local"]),
        "loadBalancerSourceRanges": dice.one_of(&[vec![], vec!["10.0.0.0/8"], vec!["10.0.0.0/8", "10.1.0.0/16"]]),
    });
    let ingress = dice.one_of(&[json!([]), json!([{"ip": "172.30.0.1"}, {"ip": "172.30.0.2"}])]);
    json!({"spec": spec, "status": {"loadBalancer": {"ingress": ingress}}})
}

/// The rules, without the order in which chains, sets and elements came.
fn rules() -> BTreeMap<String, Vec<String>> {
    let mut blocks = BTreeMap::new();
    let (mut table, mut block) = (String::new(), Vec::new());
    for line in listed().lines() {
        if line.starts_with("table") {
            table = line.to_owned();
        } else if line == "\t}" {
            blocks.insert(format!("{table} {}", block[0]), contents(&block));
            block.clear();
        } else if line.starts_with('\t') {
            block.push(line.trim().to_owned());
        }
    }
    blocks
}

fn contents(block: &[String]) -> Vec<String> {
    if block[0].starts_with("chain") {
        return block.to_vec();
    }
    let text = block.join(" ");
    let (head, elements) = text.split_once(" elements = {").unwrap_or((&text, ""));
    // Clients that stay with their endpoint come by themselves.
    let mut elements: Vec<String> = elements
        .trim_end_matches('}')
        .split(',')
        .map(|element| element.trim().to_owned())
        .filter(|element| !element.is_empty())
        .collect();
    elements.sort();
    elements.insert(0, head.to_owned());
    elements
}

#[test]
fn any_changes_lead_to_what_a_fresh_start_loads() {
    Machine::run(
        "testing::sequence::any_changes_lead_to_what_a_fresh_start_loads",
        async || {
            let mut dice = Dice(7);
            let mut proxy = Proxy::new();
            let mut most = 0;
            for step in 0..STEPS {
                let number = dice.throw(5);
                let name = format!("s{number}");
                if dice.throw(5) == 0 {
                    proxy.remove(&name).await;
                } else {
                    let object = any_service(&mut dice, number);
                    let endpoints = dice.endpoints();
                    proxy.set_object(&name, object, &endpoints).await;
                }
                if step % 10 == 9 {
                    let changed = rules();
                    proxy.load_anew().await;
                    assert_eq!(changed, rules(), "after step {step}");
                    most = most.max(changed.len());
                }
            }
            assert!(most > 60, "there were rules: {most}");
        },
    );
}
