//! Endpoints: the old way to say what is behind a service.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::pod::validation::ports::PROTOCOLS;
use crate::room::room;
use crate::toolkit::addresses;
use crate::toolkit::columns::{AGE, NAME, created, list, name, number, or_none, text};
use crate::toolkit::defaults::{objects, when_empty};
use crate::toolkit::{Field, Report};

room! {
    /// Addresses behind a service.
    Endpoints
}

/// How many addresses a table shows.
const SHOWN: usize = 3;

impl Strategy for Endpoints {
    fn default(&self, object: &mut Value) {
        let Some(endpoints) = object.as_object_mut() else {
            return;
        };
        for subset in objects(endpoints, "subsets") {
            for port in objects(subset, "ports") {
                when_empty(port, "protocol", "TCP");
            }
        }
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |endpoints| {
            for subset in endpoints.child("subsets").items() {
                self::subset(&subset);
            }
        })
    }

    fn deprecation(&self) -> Option<&'static str> {
        Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Endpoints", "Addresses and ports that are ready.")
                .shows("core.v1.Endpoints.subsets"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![name(object), or_none(&ready(object)), created(object, now)],
            ..Row::default()
        }
    }
}

fn ready(endpoints: &Value) -> String {
    let mut shown = Vec::new();
    let mut all = 0;
    for subset in list(endpoints, &["subsets"]) {
        let addresses = || {
            list(subset, &["addresses"])
                .iter()
                .map(|address| text(address, &["ip"]))
        };
        let ports = list(subset, &["ports"]);
        if ports.is_empty() {
            all += addresses().count();
            shown.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            all += addresses().count();
            let port = number(port, &["port"]);
            shown.extend(addresses().map(|ip| {
                if ip.contains(':') {
                    format!("[{ip}]:{port}")
                } else {
                    format!("{ip}:{port}")
                }
            }));
        }
    }
    shown.truncate(SHOWN);
    let mut shown = shown.join(",");
    if all > SHOWN {
        shown.push_str(&format!(" + {} more...", all - SHOWN));
    }
    shown
}

fn subset(subset: &Field) {
    let (ready, other) = (subset.child("addresses"), subset.child("notReadyAddresses"));
    if ready.is_empty() && other.is_empty() {
        subset.required("must specify `addresses` or `notReadyAddresses`");
    }
    for addresses in [&ready, &other] {
        for address in addresses.items() {
            self::address(&address);
        }
    }
    let ports = subset.child("ports");
    for port in ports.items() {
        let name = port.child("name");
        if !name.is_empty() {
            name.dns_label();
        } else if ports.len() > 1 {
            name.required("");
        }
        port.child("port").port_number();
        port.child("protocol").one_of(PROTOCOLS);
        let protocol = port.child("appProtocol");
        if protocol.is_set() {
            protocol.qualified_name();
        }
    }
}

fn address(address: &Field) {
    let ip = address.child("ip");
    ip.ip_address();
    for (field, is_label) in [("hostname", true), ("nodeName", false)] {
        let field = address.child(field);
        // A node that is named at all has a name.
        if field.is_empty() && (is_label || !field.is_set()) {
            continue;
        }
        if is_label {
            field.dns_label();
        } else {
            field.dns_subdomain();
        }
    }
    addresses::of_endpoint(&ip);
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    fn check(subset: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("", "endpoints", json!({"subsets": [subset]})),
            expected
        );
    }

    #[test]
    fn subsets_lead_somewhere() {
        check(
            json!({"ports": [{"port": 1}]}),
            &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
        );
        check(
            json!({"addresses": [{"ip": "127.0.0.1"}]}),
            &[
                r#"subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
            ],
        );
        check(
            json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1, "name": "a"}, {"port": 2}]}),
            &["subsets[0].ports[1].name: Required value"],
        );
    }

    #[test]
    fn a_few_addresses_are_shown() {
        let endpoints = json!({"subsets": [{
            "addresses": [{"ip": "10.0.0.1"}, {"ip": "::2"}], "ports": [{"port": 80}, {"port": 443}],
        }]});
        assert_eq!(
            cells("", "endpoints", &endpoints)[1],
            "10.0.0.1:80,[::2]:80,10.0.0.1:443 + 1 more..."
        );
        assert_eq!(cells("", "endpoints", &json!({}))[1], "<none>");
    }
}
