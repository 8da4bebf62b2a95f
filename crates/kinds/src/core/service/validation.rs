//! What a service must be like. Whether addresses and ports are free is decided where they are handed out.

use std::net::IpAddr;

use serde_json::Value;

use super::needs;
use crate::core::pod::validation::ports::PROTOCOLS;
use crate::toolkit::addresses;
use crate::toolkit::{Field, Seen};

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const POLICIES: &[&str] = &["Cluster", "Local"];
const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
const NOT_EXTERNAL: &str = "may not be set for ExternalName services";
/// A day, in seconds.
const MAX_STICKY_SECONDS: i64 = 86_400;

/// The rules for a whole service.
pub fn rules(service: &Field) {
    let metadata = service.child("metadata");
    let annotations = &metadata.child("annotations");
    topology(annotations);
    let spec = &service.child("spec");
    let value = spec.value().unwrap_or(&Value::Null);
    let kind = spec.text_of("type");
    let is_headless = needs::is_headless(value);
    let ports = spec.child("ports");
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        ports.required("");
    }
    by_type(spec, kind, is_headless);
    self::ports(&ports);
    spec.child("selector").labels();
    session_affinity(spec);
    if kind != "ExternalName" {
        cluster_ips(spec);
    }
    for address in spec.child("externalIPs").items() {
        if meta::name::ip(address.text()).is_empty() {
            addresses::of_endpoint(&address);
        } else {
            address.ip_address();
        }
    }
    spec.child("type").one_of(TYPES);
    unique_ports(&ports, kind);
    source_ranges(spec, annotations, kind);
    load_balancer(service, kind);
    traffic_policies(spec, value);
    let distribution = spec.child("trafficDistribution");
    distribution.any_of_if_set(&["PreferClose", "PreferSameZone", "PreferSameNode"]);
}

fn by_type(spec: &Field, kind: &str, is_headless: bool) {
    let addresses = spec.child("clusterIPs");
    match kind {
        "LoadBalancer" if is_headless => addresses
            .item(0)
            .invalid_as("None", "may not be set to 'None' for LoadBalancer services"),
        "NodePort" if is_headless => addresses
            .item(0)
            .invalid_as("None", "may not be set to 'None' for NodePort services"),
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                let field = spec.child(field);
                if !field.is_empty() {
                    field.forbidden(NOT_EXTERNAL);
                }
            }
            let name = spec.child("externalName");
            match name.text().strip_suffix('.').unwrap_or(name.text()) {
                "" => name.required(""),
                trimmed => {
                    for complaint in meta::name::dns1123_subdomain(trimmed) {
                        name.invalid_as(trimmed, &complaint);
                    }
                }
            }
        }
        _ => {}
    }
}

fn ports(ports: &Field) {
    let mut names = Seen::new();
    for port in ports.items() {
        let name = port.child("name");
        if name.is_empty() {
            if ports.len() > 1 {
                name.required("");
            }
        } else {
            name.dns_label();
            if names.again(name.text()) {
                name.duplicate();
            }
        }
        port.child("port").port_number();
        port.child("protocol").one_of(PROTOCOLS);
        port.child("targetPort").port_number_or_name();
        let protocol = port.child("appProtocol");
        if protocol.is_set() {
            protocol.qualified_name();
        }
    }
}

/// Ports of nodes only where the type has them, and each port once for a protocol.
fn unique_ports(ports: &Field, kind: &str) {
    for port in ports.items().filter(|_| kind == "ClusterIP") {
        let of_node = port.child("nodePort");
        if of_node.number() != 0 {
            of_node.forbidden("may not be used when `type` is 'ClusterIP'");
        }
    }
    let (mut numbers, mut of_nodes) = (Seen::new(), Seen::new());
    for port in ports.items() {
        let of_node = port.child("nodePort");
        if of_node.number() != 0 && of_nodes.again((port.text_of("protocol"), of_node.number())) {
            of_node.duplicate();
        }
    }
    for port in ports.items() {
        let (protocol, number) = (port.text_of("protocol"), port.child("port").number());
        if numbers.again((protocol, number)) {
            let printed = format!(
                r#"{{"Name":"","Protocol":{},"AppProtocol":null,"Port":{number},"TargetPort":0,"NodePort":0}}"#,
                Value::from(protocol)
            );
            port.duplicate_printed(&printed, "");
        }
    }
}

fn session_affinity(spec: &Field) {
    let (affinity, config) = (spec.child("sessionAffinity"), spec.child("sessionAffinityConfig"));
    affinity.one_of(&["ClientIP", "None"]);
    match affinity.text() {
        "ClientIP" => {
            let why = "when session affinity type is ClientIP";
            let client = config.child("clientIP");
            let timeout = client.child("timeoutSeconds");
            if !config.is_set() {
                config.required(why);
            } else if !client.is_set() {
                client.required(why);
            } else if !timeout.is_set() {
                timeout.required(why);
            } else if !(1..=MAX_STICKY_SECONDS).contains(&timeout.number()) {
                timeout.invalid(&format!(
                    "must be greater than 0 and less than {MAX_STICKY_SECONDS}"
                ));
            }
        }
        "None" if config.is_set() => config.forbidden("must not be set when session affinity is None"),
        _ => {}
    }
}

/// The addresses a service has or asks for, and their families.
pub fn cluster_ips(spec: &Field) {
    let (first, addresses) = (spec.child("clusterIP"), spec.child("clusterIPs"));
    let (families, policy) = (spec.child("ipFamilies"), spec.child("ipFamilyPolicy"));
    let listed = addresses.texts().next();
    match (first.text(), listed) {
        ("", Some(_)) => addresses.invalid("must be empty when `clusterIP` is not specified"),
        ("", None) => {}
        (_, None) => addresses.required(""),
        (first, Some(listed)) if first != listed => addresses.invalid("first value must match `clusterIP`"),
        _ => {}
    }
    let mut seen = Seen::new();
    for family in families.items() {
        family.any_of(FAMILIES);
        if seen.again(family.text()) {
            family.duplicate();
        }
    }
    policy.any_of_if_set(&["PreferDualStack", "RequireDualStack", "SingleStack"]);
    let are_addresses = are_addresses(&addresses);
    if addresses.len() > 2 {
        addresses.invalid("may only hold up to 2 values");
    }
    if !are_addresses {
        return;
    }
    let ips: Vec<IpAddr> = addresses.texts().filter_map(meta::name::parse_ip).collect();
    if ips.len() > 1 && ips.iter().all(IpAddr::is_ipv4) | ips.iter().all(IpAddr::is_ipv6) {
        addresses.invalid("may specify no more than one IP for each IP family");
    }
    for (index, (ip, address)) in ips.into_iter().zip(addresses.items()).enumerate() {
        expected_family(&address, ip, index, families.item(index).text());
    }
}

/// Whether all are addresses, or the only one says that there is none; says what is wrong.
fn are_addresses(addresses: &Field) -> bool {
    let mut all = true;
    for (index, address) in addresses.items().enumerate() {
        if index == 0 && address.text() == "None" {
            if addresses.len() > 1 {
                addresses.invalid("'None' must be the first and only value");
                all = false;
            }
            continue;
        }
        let complaints = meta::name::ip(address.text());
        all &= complaints.is_empty();
        address.complain(complaints);
    }
    all
}

fn expected_family(address: &Field, ip: IpAddr, index: usize, family: &str) {
    let expected = match (family, ip) {
        ("IPv4", IpAddr::V6(_)) => "IPv4",
        ("IPv6", IpAddr::V4(_)) => "IPv6",
        _ => return,
    };
    let complaint = format!("expected an {expected} value as indicated by `ipFamilies[{index}]`");
    address.invalid(&complaint);
}

/// Two annotations have said the same, one after the other.
fn topology(annotations: &Field) {
    const OLD: &str = "service.kubernetes.io/topology-aware-hints";
    let (old, new) = (
        annotations.key(OLD),
        annotations.key("service.kubernetes.io/topology-mode"),
    );
    if old.is_set() && new.is_set() && old.text() != new.text() {
        new.invalid(&format!("must match annotations[{OLD}] when both are specified"));
    }
}

/// Who may use a balancer: a field, and an annotation that was there before. Blanks around a range were always taken.
fn source_ranges(spec: &Field, annotations: &Field, kind: &str) {
    let check = |place: &Field, text: &str| {
        for complaint in meta::name::cidr(text) {
            place.invalid_as(text, &complaint);
        }
    };
    let ranges = spec.child("loadBalancerSourceRanges");
    if !ranges.is_empty() {
        // Upstream's path has a capital here.
        let named = spec.standing_for("LoadBalancerSourceRanges", ranges.value());
        if kind != "LoadBalancer" {
            named.forbidden(ONLY_BALANCED);
        }
        return named.items().for_each(|range| check(&range, range.text().trim()));
    }
    let annotation = annotations.key("service.beta.kubernetes.io/load-balancer-source-ranges");
    if !annotation.is_set() {
        return;
    }
    if kind != "LoadBalancer" {
        annotation.forbidden(ONLY_BALANCED);
    }
    let text = annotation.text().trim();
    for range in text.split(',').filter(|_| !text.is_empty()) {
        check(&annotation, range.trim());
    }
}

fn traffic_policies(spec: &Field, value: &Value) {
    let external = spec.child("externalTrafficPolicy");
    if needs::is_reachable_from_outside(value) {
        external.one_of(POLICIES);
    } else if !external.is_empty() {
        external.invalid("may only be set for externally-accessible services");
    }
    let health = spec.child("healthCheckNodePort");
    if health.number() != 0 && !needs::health_check_node_port(value) {
        health
            .invalid("may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else if health.number() != 0 {
        health.port_number();
    }
    let internal = spec.child("internalTrafficPolicy");
    if internal.is_set() {
        internal.any_of(POLICIES);
    } else if needs::internal_traffic_policy(value) {
        internal.required("");
    }
}

fn load_balancer(service: &Field, kind: &str) {
    let spec = service.child("spec");
    let allocate = spec.child("allocateLoadBalancerNodePorts");
    if allocate.is_set() && kind != "LoadBalancer" {
        allocate.forbidden(ONLY_BALANCED);
    } else if !allocate.is_set() && kind == "LoadBalancer" {
        // Upstream's path leaves the spec out.
        service.child("allocateLoadBalancerNodePorts").required("");
    }
    balancer_class(&spec.child("loadBalancerClass"), kind);
}

/// Which balancer, if the service has one.
pub fn balancer_class(class: &Field, kind: &str) {
    if class.is_set() && kind == "LoadBalancer" {
        class.qualified_name();
    } else if class.is_set() {
        class.forbidden(ONLY_BALANCED);
    }
}

/// The rules for a status.
pub fn status(service: &Field) {
    let spec = service.child("spec");
    let status = service.child("status");
    let balancer = status.child("loadBalancer");
    ingress(&balancer.child("ingress"), spec.text_of("type"));
}

fn ingress(ingress: &Field, kind: &str) {
    if !ingress.is_empty() && kind != "LoadBalancer" {
        return ingress.forbidden("may only be used when `spec.type` is 'LoadBalancer'");
    }
    for one in ingress.items() {
        let (ip, name, mode) = (one.child("ip"), one.child("hostname"), one.child("ipMode"));
        if !ip.is_empty() {
            ip.ip_address();
            if !mode.is_set() {
                mode.required("must be specified when `ip` is set");
            }
        } else if mode.is_set() {
            mode.forbidden("may not be specified when `ip` is not set");
        }
        if mode.is_set() && !ip.is_empty() {
            mode.any_of(&["Proxy", "VIP"]);
        }
        hostname(&name);
    }
}

/// A name, not an address.
pub fn hostname(name: &Field) {
    if name.is_empty() {
        return;
    }
    name.dns_subdomain();
    if meta::name::parse_ip(name.text()).is_some() {
        name.invalid("must be a DNS name, not an IP address");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, part_errors};
    use serde_json::{Value, json};

    fn check(change: Value, expected: &[&str]) {
        let mut spec = json!({"ports": [{"port": 80}]});
        for (field, value) in change.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        assert_eq!(
            create_errors("", "services", json!({"spec": spec})),
            expected,
            "{change}"
        );
    }

    #[test]
    fn ports_have_names_if_there_are_several() {
        check(json!({"ports": []}), &["spec.ports: Required value"]);
        check(
            json!({"ports": [{"port": 1}, {"port": 2}]}),
            &[
                "spec.ports[0].name: Required value",
                "spec.ports[1].name: Required value",
            ],
        );
        check(
            json!({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}),
            &[
                r#"spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}"#,
            ],
        );
    }

    #[test]
    fn types_have_their_fields() {
        check(
            json!({"type": "Magic"}),
            &[
                r#"spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#,
            ],
        );
        check(
            json!({"type": "ExternalName", "ports": []}),
            &["spec.externalName: Required value"],
        );
        check(
            json!({"clusterIP": "None", "type": "NodePort"}),
            &[r#"spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services"#],
        );
        check(
            json!({"loadBalancerClass": "a.b/c"}),
            &["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        );
        check(
            json!({"externalTrafficPolicy": "Local"}),
            &[
                r#"spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services"#,
            ],
        );
    }

    #[test]
    fn addresses_agree() {
        check(
            json!({"clusterIP": "None", "clusterIPs": ["1.2.3.4"]}),
            &[r#"spec.clusterIPs: Invalid value: ["1.2.3.4"]: first value must match `clusterIP`"#],
        );
        check(
            json!({"clusterIP": "1.2.3.4", "ipFamilies": ["IPv6"]}),
            &[
                r#"spec.clusterIPs[0]: Invalid value: "1.2.3.4": expected an IPv6 value as indicated by `ipFamilies[0]`"#,
            ],
        );
        check(
            json!({"externalIPs": ["127.0.0.1"]}),
            &[
                r#"spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
            ],
        );
    }

    #[test]
    fn a_balancer_reports_names_or_addresses() {
        let with = |ingress: Value| json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [ingress]}}});
        let errors = |ingress: Value| part_errors("", "services", "status", &with(ingress), &json!({}));
        assert!(errors(json!({"ip": "1.2.3.4", "ipMode": "VIP"})).is_empty());
        assert_eq!(
            errors(json!({"hostname": "1.2.3.4"})),
            [
                r#"status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address"#,
            ]
        );
        assert_eq!(
            errors(json!({"hostname": "a.b", "ipMode": "VIP"})),
            ["status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",]
        );
    }

    #[test]
    fn ports_of_nodes_are_given_once() {
        check(
            json!({"type": "NodePort", "ports": [
                {"port": 1, "name": "a", "nodePort": 30000}, {"port": 2, "name": "b", "nodePort": 30000},
            ]}),
            &["spec.ports[1].nodePort: Duplicate value: 30000"],
        );
    }

    #[test]
    fn annotations_say_what_fields_say() {
        let errors = |annotations: Value, kind: &str| {
            let spec = json!({"type": kind, "ports": [{"port": 80}]});
            create_errors(
                "",
                "services",
                json!({"metadata": {"annotations": annotations}, "spec": spec}),
            )
        };
        const RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
        assert!(errors(json!({RANGES: " 10.0.0.0/8, 10.1.0.0/16 "}), "LoadBalancer").is_empty());
        assert_eq!(
            errors(json!({RANGES: "10.0.0.0/8"}), "ClusterIP"),
            [
                "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is \
              'LoadBalancer'"
            ]
        );
        assert_eq!(errors(json!({RANGES: "x"}), "LoadBalancer").len(), 1);
        assert_eq!(
            errors(
                json!({"service.kubernetes.io/topology-mode": "Auto", "service.kubernetes.io/topology-aware-hints": "Disabled"}),
                "ClusterIP"
            ),
            [
                "metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: \"Auto\": must match \
              annotations[service.kubernetes.io/topology-aware-hints] when both are specified"
            ]
        );
    }
}
