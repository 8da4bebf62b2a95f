//! The table of services.

use resource::{Column, Row};
use serde_json::Value;

use crate::toolkit::columns::{AGE, NAME, NONE, created, list, name, number, or_none, text};
use crate::toolkit::selectors::map_text;

/// Its columns.
pub fn columns() -> Vec<Column> {
    vec![
        NAME,
        Column::string("Type", "How the service is reached.").shows("core.v1.ServiceSpec.type"),
        Column::string("Cluster-IP", "Its address within the cluster.")
            .shows("core.v1.ServiceSpec.clusterIP"),
        Column::string("External-IP", "Its addresses for others.").shows("core.v1.ServiceSpec.externalIPs"),
        Column::string("Port(s)", "Its ports, with those of nodes.").shows("core.v1.ServiceSpec.ports"),
        AGE,
        Column::string("Selector", "Labels of the pods behind it.")
            .shows("core.v1.ServiceSpec.selector")
            .wide(),
    ]
}

/// One service.
pub fn row(service: &Value, now: i64) -> Row {
    let spec = &service["spec"];
    let own = list(spec, &["clusterIPs"]).first().and_then(Value::as_str);
    Row {
        cells: vec![
            name(service),
            text(spec, &["type"]).into(),
            own.unwrap_or(NONE).into(),
            external_addresses(service).into(),
            or_none(&ports(spec)),
            created(service, now),
            or_none(&map_text(&spec["selector"])),
        ],
        ..Row::default()
    }
}

fn external_addresses(service: &Value) -> String {
    let spec = &service["spec"];
    let given: Vec<&str> = list(spec, &["externalIPs"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let or_none = |addresses: Vec<&str>, none: &str| {
        if addresses.is_empty() {
            none.to_owned()
        } else {
            addresses.join(",")
        }
    };
    match text(spec, &["type"]) {
        "ClusterIP" | "NodePort" => or_none(given, NONE),
        "LoadBalancer" => {
            let balancer = list(service, &["status", "loadBalancer", "ingress"]).iter();
            let mut addresses: Vec<&str> = balancer
                .map(|ingress| match text(ingress, &["ip"]) {
                    "" => text(ingress, &["hostname"]),
                    ip => ip,
                })
                .filter(|address| !address.is_empty())
                .collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.extend(given);
            or_none(addresses, "<pending>")
        }
        "ExternalName" => text(spec, &["externalName"]).to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn ports(spec: &Value) -> String {
    let ports: Vec<String> = list(spec, &["ports"])
        .iter()
        .map(|port| {
            let (own, of_node) = (number(port, &["port"]), number(port, &["nodePort"]));
            let protocol = text(port, &["protocol"]);
            if of_node > 0 {
                format!("{own}:{of_node}/{protocol}")
            } else {
                format!("{own}/{protocol}")
            }
        })
        .collect();
    ports.join(",")
}

#[cfg(test)]
mod tests {
    use crate::testing::cells;
    use serde_json::{Value, json};

    fn check(service: Value, expected: [&str; 4]) {
        let cells = cells("", "services", &service);
        let shown: Vec<&str> = cells[1..5].iter().filter_map(Value::as_str).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn addresses_and_ports_are_shown() {
        let ports =
            json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]);
        check(
            json!({"spec": {"type": "NodePort", "clusterIPs": ["10.0.0.1"], "ports": ports}}),
            ["NodePort", "10.0.0.1", "<none>", "80:30080/TCP,53/UDP"],
        );
        check(
            json!({"spec": {"type": "LoadBalancer"}}),
            ["LoadBalancer", "<none>", "<pending>", "<none>"],
        );
        check(
            json!({"spec": {"type": "LoadBalancer", "externalIPs": ["1.1.1.1"]},
                   "status": {"loadBalancer": {"ingress": [{"ip": "3.3.3.3"}, {"hostname": "a.b"}]}}}),
            ["LoadBalancer", "<none>", "3.3.3.3,a.b,1.1.1.1", "<none>"],
        );
        check(
            json!({"spec": {"type": "ExternalName", "externalName": "a.b"}}),
            ["ExternalName", "<none>", "a.b", "<none>"],
        );
    }
}
