//! What may change in a service, and what stays although the client left it out.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{needs, validation};
use crate::toolkit::columns::{list, number, text};
use crate::toolkit::defaults::{items_mut, remove, restore};
use crate::toolkit::{Field, same_field};

/// The first address stands in two fields.
pub fn one_address(service: &mut Value) {
    let spec = &mut service["spec"];
    let first = text(spec, &["clusterIP"]).to_owned();
    if !first.is_empty() && list(spec, &["clusterIPs"]).is_empty() {
        spec["clusterIPs"] = json!([first]);
    }
}

/// Keeps what was handed out, gives back what is needed no more.
pub fn prepare(new: &mut Value, old: &Value) {
    let old_spec = &old["spec"];
    keep(&mut new["spec"], old_spec);
    agree_on_addresses(&mut new["spec"], old_spec);
    drop_unneeded(&mut new["spec"], old_spec);
    if text(new, &["spec", "type"]) != "LoadBalancer" {
        new["status"]["loadBalancer"] = json!({});
    }
}

/// A client that knows only the first address changes only that.
fn agree_on_addresses(spec: &mut Value, old: &Value) {
    let (first, was) = (text(spec, &["clusterIP"]).to_owned(), text(old, &["clusterIP"]));
    if first == was || !same_field(spec, old, "clusterIPs") {
        return;
    }
    if first.is_empty() {
        remove(spec, &["clusterIPs"]);
    } else {
        spec["clusterIPs"] = json!([first]);
    }
}

fn keep(spec: &mut Value, old: &Value) {
    if needs::cluster_ip(spec) && needs::cluster_ip(old) {
        if text(spec, &["clusterIP"]).is_empty() {
            restore(spec, old, "clusterIP");
        }
        if list(spec, &["clusterIPs"]).is_empty() {
            restore(spec, old, "clusterIPs");
        }
    }
    if needs::node_ports(spec) && needs::node_ports(old) {
        keep_node_ports(spec, old);
    }
    if needs::health_check_node_port(spec)
        && needs::health_check_node_port(old)
        && number(spec, &["healthCheckNodePort"]) == 0
    {
        restore(spec, old, "healthCheckNodePort");
    }
}

/// A port keeps the node's port that the one of its name had, whatever else has changed of it.
fn keep_node_ports(spec: &mut Value, old: &Value) {
    let mut taken: Vec<i64> = list(spec, &["ports"])
        .iter()
        .map(|port| number(port, &["nodePort"]))
        .collect();
    for port in items_mut(spec, "ports") {
        if number(port, &["nodePort"]) != 0 {
            continue;
        }
        let had = list(old, &["ports"])
            .iter()
            .rfind(|old| text(old, &["name"]) == text(port, &["name"]))
            .map_or(0, |old| number(old, &["nodePort"]));
        if had != 0 && !taken.contains(&had) {
            port["nodePort"] = had.into();
            taken.push(had);
        }
    }
}

/// Whether a spec needs something.
type Need = fn(&Value) -> bool;

/// What a client leaves as it was, although the new type has no use for it, goes.
fn drop_unneeded(spec: &mut Value, old: &Value) {
    let no_more = |needs: Need, spec: &Value| needs(old) && !needs(spec);
    if no_more(needs::cluster_ip, spec) {
        if same_field(spec, old, "clusterIP") && same_field(spec, old, "clusterIPs") {
            remove(spec, &["clusterIP"]);
            remove(spec, &["clusterIPs"]);
        }
        if same_field(spec, old, "ipFamilies") && same_field(spec, old, "ipFamilyPolicy") {
            remove(spec, &["ipFamilies"]);
            remove(spec, &["ipFamilyPolicy"]);
        }
    }
    if no_more(needs::may_have_node_ports, spec) && same_node_ports(spec, old) {
        for port in items_mut(spec, "ports") {
            remove(port, &["nodePort"]);
        }
    }
    if !needs::cluster_ip(spec) {
        // It means nothing without an address, and is hidden wherever it is.
        remove(spec, &["internalTrafficPolicy"]);
    }
    let single: [(Need, &str); 4] = [
        (needs::health_check_node_port, "healthCheckNodePort"),
        (needs::load_balancer_class, "allocateLoadBalancerNodePorts"),
        (needs::load_balancer_class, "loadBalancerClass"),
        (needs::is_reachable_from_outside, "externalTrafficPolicy"),
    ];
    for (needs, field) in single {
        if no_more(needs, spec) && same_field(spec, old, field) {
            remove(spec, &[field]);
        }
    }
}

fn same_node_ports(spec: &Value, old: &Value) -> bool {
    let ports = |spec| -> Vec<i64> {
        let mut ports: Vec<i64> = list(spec, &["ports"])
            .iter()
            .map(|port| number(port, &["nodePort"]))
            .filter(|port| *port != 0)
            .collect();
        ports.sort_unstable();
        ports
    };
    ports(spec) == ports(old)
}

/// The rules for a change.
pub fn rules(service: &Field, old: &Value) {
    let spec = service.child("spec");
    let old = &old["spec"];
    let value = spec.value().unwrap_or(&Value::Null);
    let is_external = |spec: &Value| text(spec, &["type"]) == "ExternalName";
    if !is_external(value) && !is_external(old) {
        addresses(&spec, old);
        families(&spec, old);
    }
    let class = spec.child("loadBalancerClass");
    if needs::load_balancer_class(value)
        && needs::load_balancer_class(old)
        && !same_field(value, old, "loadBalancerClass")
    {
        class.invalid(FOR_LIFE);
    }
    // Upstream looks at the class for changes, and once more with all the rest.
    validation::balancer_class(&class, spec.text_of("type"));
    if needs::health_check_node_port(value)
        && needs::health_check_node_port(old)
        && !same_field(value, old, "healthCheckNodePort")
    {
        spec.child("healthCheckNodePort").forbidden("field is immutable");
    }
    validation::rules(service);
}

const FOR_LIFE: &str = "may not change once set";

/// The first address is for life; a second may come and go. Services without addresses of their own have none to lose.
fn addresses(spec: &Field, old: &Value) {
    let value = spec.value().unwrap_or(&Value::Null);
    if needs::is_headless(value) && needs::is_headless(old) {
        return;
    }
    let (addresses, old) = (spec.child("clusterIPs"), list(old, &["clusterIPs"]));
    let printed = || addresses.value().cloned().unwrap_or(Value::Null);
    let differs = |at: usize| addresses.item(at).value() != old.get(at);
    match addresses.len().cmp(&old.len()) {
        Ordering::Equal => {
            for at in (0..old.len()).filter(|at| differs(*at)) {
                addresses.item(at).invalid_as(printed(), FOR_LIFE);
            }
        }
        Ordering::Less if addresses.is_empty() => {
            addresses
                .item(0)
                .invalid_as(printed(), "primary clusterIP can not be unset");
        }
        Ordering::Less | Ordering::Greater => {
            if !old.is_empty() && differs(0) {
                addresses.item(0).invalid_as(printed(), FOR_LIFE);
            }
            if addresses.len() < old.len() {
                released(spec, "clusterIP");
            }
        }
    }
}

/// The same for the families of addresses.
fn families(spec: &Field, old: &Value) {
    let value = spec.value().unwrap_or(&Value::Null);
    if needs::is_headless(value) || needs::is_headless(old) {
        return;
    }
    let (families, old) = (spec.child("ipFamilies"), list(old, &["ipFamilies"]));
    let differs = |at: usize| families.item(at).value() != old.get(at);
    let of = |field| spec.child(field).value().cloned().unwrap_or(Value::Null);
    match families.len().cmp(&old.len()) {
        Ordering::Equal => {
            for _ in (0..old.len()).filter(|at| differs(*at)) {
                families.item(0).invalid_as(of("ipFamilies"), FOR_LIFE);
            }
        }
        Ordering::Less | Ordering::Greater => {
            if families.len() < old.len() && spec.child("clusterIPs").is_empty() {
                families
                    .item(0)
                    .invalid_as(of("ipFamilies"), "primary ipFamily can not be unset");
            }
            if !old.is_empty() && !families.is_empty() && differs(0) {
                // Upstream prints the addresses here.
                families.item(0).invalid_as(of("clusterIPs"), FOR_LIFE);
            }
            if families.len() == 1 && old.len() > 1 {
                released(spec, "ipFamily");
            }
        }
    }
}

/// Who gives the second address back says so.
fn released(spec: &Field, what: &str) {
    let policy = spec.child("ipFamilyPolicy");
    if policy.text() != "SingleStack" {
        policy.invalid(&format!(
            "must be set to 'SingleStack' when releasing the secondary {what}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{defaulted, room, update_errors};

    fn service(spec: Value) -> Value {
        defaulted("", "services", json!({"spec": spec}))
    }

    #[test]
    fn a_port_keeps_the_node_port_of_its_name() {
        let old = service(json!({"type": "NodePort", "ports": [
            {"name": "h", "port": 80, "nodePort": 30001}, {"name": "g", "port": 81, "nodePort": 30002},
        ]}));
        let new = json!({"type": "NodePort", "ports": [
            {"name": "g", "port": 81, "nodePort": 30002}, {"name": "h", "port": 90}, {"name": "i", "port": 80},
        ]});
        let ports = prepared(new, &old)["ports"].clone();
        let node_ports: Vec<&Value> = ports
            .as_array()
            .expect("ports")
            .iter()
            .map(|port| &port["nodePort"])
            .collect();
        assert_eq!(node_ports, [&json!(30002), &json!(30001), &Value::Null]);
    }

    fn prepared(new: Value, old: &Value) -> Value {
        let mut new = service(new);
        room("", "services").prepare_for_update(&mut new, old);
        new["spec"].clone()
    }

    #[test]
    fn what_was_handed_out_stays() {
        let old = service(json!({
            "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "ports": [{"name": "a", "port": 1, "nodePort": 30001}, {"name": "b", "port": 2, "nodePort": 30002}],
        }));
        let new = prepared(
            json!({"type": "NodePort", "ports": [{"name": "b", "port": 2}, {"name": "c", "port": 3}]}),
            &old,
        );
        assert_eq!(new["clusterIPs"], json!(["10.0.0.1"]));
        assert_eq!(new["ports"][0]["nodePort"], 30002);
        assert!(new["ports"][1].get("nodePort").is_none());
    }

    #[test]
    fn what_is_needed_no_more_goes() {
        let spec = json!({
            "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "ports": [{"name": "a", "port": 1, "nodePort": 30001}],
        });
        let old = service(spec.clone());
        let mut plain = old["spec"].clone();
        plain["type"] = "ClusterIP".into();
        let new = prepared(plain.clone(), &old);
        assert!(new["ports"][0].get("nodePort").is_none() && new.get("externalTrafficPolicy").is_none());
        plain["type"] = "ExternalName".into();
        assert!(prepared(plain, &old).get("clusterIP").is_none());
    }

    #[test]
    fn addresses_are_for_life() {
        let at = |ip: &str| service(json!({"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 1}]}));
        assert_eq!(
            update_errors("", "services", &at("10.0.0.2"), &at("10.0.0.1")),
            [r#"spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set"#]
        );
    }

    #[test]
    fn nothing_is_given_to_contradictory_wishes() {
        let of = |spec: Value| {
            let errors = room("", "services").validate_wishes(&service(spec));
            errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({"type": "X", "ports": []})), [""; 0]);
        assert_eq!(
            of(json!({"clusterIPs": ["1.2.3.4"]})),
            [
                r#"spec.clusterIPs: Invalid value: ["1.2.3.4"]: must be empty when `clusterIP` is not specified"#
            ]
        );
        assert_eq!(
            of(json!({"type": "ExternalName", "clusterIP": "1.2.3.4"})),
            [""; 0]
        );
    }

    #[test]
    fn a_client_of_one_address_changes_that() {
        let old = service(json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}));
        let new = prepared(json!({"clusterIP": "10.0.0.2"}), &old);
        assert_eq!(new["clusterIPs"], json!(["10.0.0.2"]));
    }

    #[test]
    fn a_class_is_for_life() {
        let of = |class: Value| {
            service(json!({"type": "LoadBalancer", "loadBalancerClass": class, "ports": [{"port": 1}]}))
        };
        assert_eq!(
            update_errors("", "services", &of(Value::Null), &of(json!("a.b/c"))),
            ["spec.loadBalancerClass: Invalid value: null: may not change once set"]
        );
    }
}
