//! Network policies.

use std::net::IpAddr;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name, or_none};
use crate::toolkit::defaults::{Object, object_at, objects, when_empty, when_missing};
use crate::toolkit::selectors::label_selector_text;
use crate::toolkit::{Field, Report};

room! {
    /// Which pods may speak to which.
    NetworkPolicy
}

impl Strategy for NetworkPolicy {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        ports(spec, "ingress");
        ports(spec, "egress");
        let has_egress = spec
            .get("egress")
            .and_then(Value::as_array)
            .is_some_and(|rules| !rules.is_empty());
        let types = if has_egress {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        };
        when_empty(spec, "policyTypes", types);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn tells_empty_from_none(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Pod-Selector", "Labels of the pods it protects.")
                .shows("networking.v1.NetworkPolicySpec.podSelector"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let selector = label_selector_text(&object["spec"]["podSelector"]);
        Row {
            cells: vec![name(object), or_none(&selector), created(object, now)],
            ..Row::default()
        }
    }
}

fn ports(spec: &mut Object, direction: &str) {
    for rule in objects(spec, direction) {
        for port in objects(rule, "ports") {
            when_missing(port, "protocol", "TCP");
        }
    }
}

fn rules(policy: &Field) {
    let spec = policy.child("spec");
    spec.child("podSelector").label_selector();
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.child(direction).items() {
            for port in rule.child("ports").items() {
                self::port(&port);
            }
            for peer in rule.child(peers).items() {
                self::peer(&peer);
            }
        }
    }
    let types = spec.child("policyTypes");
    if types.len() > 2 {
        return types.invalid("may not specify more than two policyTypes");
    }
    for kind in types.items() {
        kind.any_of(&["Ingress", "Egress"]);
    }
}

fn port(port: &Field) {
    port.child("protocol").any_of_if_set(&["TCP", "UDP", "SCTP"]);
    let (first, last) = (port.child("port"), port.child("endPort"));
    if first.is_set() {
        first.port_number_or_name();
    }
    if !last.is_set() {
        return;
    }
    match first.value() {
        None => last.invalid("may not be specified when `port` is not specified"),
        Some(Value::String(_)) => last.invalid("may not be specified when `port` is non-numeric"),
        Some(_) => {
            if last.number() < first.number() {
                // Upstream prints the port here.
                last.invalid_as(first.number(), "must be greater than or equal to `port`");
            }
            last.port_number();
        }
    }
}

fn peer(peer: &Field) {
    let (pods, namespaces, block) = (
        peer.child("podSelector"),
        peer.child("namespaceSelector"),
        peer.child("ipBlock"),
    );
    pods.label_selector();
    namespaces.label_selector();
    if block.is_set() {
        ip_block(&block);
    }
    let selects = pods.is_set() || namespaces.is_set();
    match (selects, block.is_set()) {
        (false, false) => peer.required("must specify a peer"),
        (true, true) => peer.forbidden("may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn ip_block(block: &Field) {
    let cidr = block.child("cidr");
    if cidr.is_empty() {
        return cidr.required("");
    }
    cidr.cidr();
    let Some(whole) = meta::name::parse_cidr(cidr.text()) else {
        return;
    };
    for except in block.child("except").items() {
        except.cidr();
        if let Some(part) = meta::name::parse_cidr(except.text())
            && !is_part(part, whole)
        {
            except.invalid("must be a strict subset of `cidr`");
        }
    }
}

type Block = (IpAddr, u8);

fn is_part((part, part_length): Block, (whole, whole_length): Block) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
        IpAddr::V6(ip) => u128::from(ip),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(whole_length)).unwrap_or(0);
    part.is_ipv4() == whole.is_ipv4() && part_length > whole_length && bits(part) & mask == bits(whole) & mask
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted};
    use serde_json::{Value, json};

    const GROUP: &str = "networking.k8s.io";

    #[test]
    fn directions_follow_from_rules() {
        let types = |spec: Value| {
            defaulted(GROUP, "networkpolicies", json!({"spec": spec}))["spec"]["policyTypes"].clone()
        };
        assert_eq!(types(json!({})), json!(["Ingress"]));
        assert_eq!(types(json!({"egress": [{}]})), json!(["Ingress", "Egress"]));
    }

    #[test]
    fn blocks_have_holes_within() {
        let errors = |except: &str| {
            let peer = json!({"ipBlock": {"cidr": "10.0.0.0/24", "except": [except]}});
            create_errors(
                GROUP,
                "networkpolicies",
                json!({"spec": {"egress": [{"to": [peer]}]}}),
            )
            .len()
        };
        assert_eq!(
            ["10.0.0.128/25", "11.0.0.0/25", "10.0.0.0/24"].map(errors),
            [0, 1, 1]
        );
    }

    #[test]
    fn ranges_of_ports_are_numbers() {
        let errors = |port: Value| {
            create_errors(
                GROUP,
                "networkpolicies",
                json!({"spec": {"ingress": [{"ports": [port]}]}}),
            )
        };
        assert!(errors(json!({"port": 1, "endPort": 2})).is_empty());
        assert_eq!(
            errors(json!({"port": "a", "endPort": 2})),
            [
                "spec.ingress[0].ports[0].endPort: Invalid value: 2: may not be specified when `port` is non-numeric",
            ]
        );
    }
}
