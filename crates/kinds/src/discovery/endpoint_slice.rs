//! Endpoint slices.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::core::pod::validation::ports::PROTOCOLS;
use crate::room::{image, room};
use crate::toolkit::addresses;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{items_mut, objects, remove, when_missing};
use crate::toolkit::{Field, Report, Seen, same_field};

room! {
    /// Addresses behind a service, a part of them.
    EndpointSlice
}

const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_HINTS: usize = 8;
/// How many ports and addresses a table shows.
const SHOWN: usize = 3;

impl Strategy for EndpointSlice {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(slice) = object.as_object_mut() else {
            return;
        };
        for port in objects(slice, "ports") {
            when_missing(port, "name", "");
            when_missing(port, "protocol", "TCP");
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        without_old_topology(object);
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        without_old_topology(new);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |slice| rules(slice, None))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |slice| {
            rules(slice, Some(old));
            slice.child("addressType").immutable(old.get("addressType"));
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(image(
            object,
            &["/addressType", "/endpoints", "/ports", "/metadata/labels"],
        ))
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("AddressType", "What sort of addresses they are.")
                .shows("discovery.v1.EndpointSlice.addressType"),
            Column::string("Ports", "Ports of every endpoint.").shows("discovery.v1.EndpointSlice.ports"),
            Column::string("Endpoints", "Addresses of the endpoints.")
                .shows("discovery.v1.EndpointSlice.endpoints"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let ports = list(object, &["ports"])
            .iter()
            .map(|port| match port["port"].as_i64() {
                Some(number) => number.to_string(),
                None => match text(port, &["name"]) {
                    "" => "*".to_owned(),
                    name => name.to_owned(),
                },
            });
        let addresses = list(object, &["endpoints"])
            .iter()
            .flat_map(|endpoint| list(endpoint, &["addresses"]))
            .map(|address| address.as_str().unwrap_or("").to_owned());
        Row {
            cells: vec![
                name(object),
                text(object, &["addressType"]).into(),
                some_of(ports).into(),
                some_of(addresses).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// Topology has fields of its own; the old map is not written any more. No endpoints are none, however they are written.
fn without_old_topology(slice: &mut Value) {
    if list(slice, &["endpoints"]).is_empty() {
        slice["endpoints"] = Value::Null;
    }
    for endpoint in items_mut(slice, "endpoints") {
        remove(endpoint, &["deprecatedTopology"]);
    }
}

fn some_of(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    match texts.len() {
        0 => "<unset>".to_owned(),
        1..=SHOWN => texts.join(","),
        all => format!("{} + {} more...", texts[..SHOWN].join(","), all - SHOWN),
    }
}

fn rules(slice: &Field, old: Option<&Value>) {
    let kind = slice.child("addressType");
    kind.one_of(&["FQDN", "IPv4", "IPv6"]);
    let endpoints = slice.child("endpoints");
    if endpoints.len() > MAX_ENDPOINTS {
        return endpoints.too_many(MAX_ENDPOINTS);
    }
    for endpoint in endpoints.items() {
        let mut olds = old.map_or(&[][..], |old| list(old, &["endpoints"])).iter();
        // What was good enough once is so again.
        let is_known = olds.any(|old| same_field(old, endpoint.value().unwrap_or(&Value::Null), "addresses"));
        self::endpoint(&endpoint, kind.text(), is_known);
    }
    ports(&slice.child("ports"));
}

fn endpoint(endpoint: &Field, kind: &str, is_known: bool) {
    let addresses = endpoint.child("addresses");
    if addresses.is_empty() {
        addresses.required("must contain at least 1 address");
    } else if addresses.len() > MAX_ADDRESSES {
        addresses.too_many(MAX_ADDRESSES);
    }
    for address in addresses.items().filter(|_| !is_known) {
        self::address(&addresses, &address, kind);
    }
    let node = endpoint.child("nodeName");
    if node.is_set() {
        node.dns_subdomain();
    }
    let hostname = endpoint.child("hostname");
    if hostname.is_set() {
        hostname.dns_label();
    }
    let hints = endpoint.child("hints");
    for places in ["forZones", "forNodes"] {
        self::hints(&hints.child(places));
    }
}

fn address(addresses: &Field, address: &Field, kind: &str) {
    let text = address.text();
    let family = |v6: bool| {
        meta::name::parse_ip(text).is_some_and(|ip| ip.is_ipv6() == v6 && text.contains(':') == v6)
    };
    match kind {
        "IPv4" if family(false) && meta::name::ip(text).is_empty() => addresses::of_endpoint(address),
        // Upstream names the list here, not its item.
        "IPv4" => addresses.invalid_as(text, "must be an IPv4 address"),
        "IPv6" if family(true) => addresses::of_endpoint(address),
        "IPv6" => addresses.invalid_as(text, "must be an IPv6 address"),
        "FQDN" => {
            for complaint in meta::name::fully_qualified_domain_name(text) {
                address.invalid(&complaint);
            }
        }
        _ => {}
    }
}

fn hints(places: &Field) {
    if places.len() > MAX_HINTS {
        return places.too_many(MAX_HINTS);
    }
    let mut seen = Seen::new();
    for place in places.items() {
        let name = place.child("name");
        if seen.again(name.text()) {
            name.duplicate();
        } else {
            name.label_value();
        }
    }
}

fn ports(ports: &Field) {
    if ports.len() > MAX_PORTS {
        return ports.too_many(MAX_PORTS);
    }
    let mut names = Seen::new();
    for port in ports.items() {
        let name = port.child("name");
        if !name.is_empty() {
            name.dns_label();
        }
        if names.again(name.text()) {
            name.duplicate();
        }
        port.child("protocol").one_of(PROTOCOLS);
        let protocol = port.child("appProtocol");
        if protocol.is_set() {
            protocol.qualified_name();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    fn check(kind: &str, endpoint: Value, expected: &[&str]) {
        let slice = json!({"addressType": kind, "endpoints": [endpoint]});
        assert_eq!(
            create_errors("discovery.k8s.io", "endpointslices", slice),
            expected
        );
    }

    #[test]
    fn addresses_are_of_the_declared_type() {
        check("IPv4", json!({"addresses": ["10.0.0.1"]}), &[]);
        check(
            "IPv6",
            json!({"addresses": ["10.0.0.1"]}),
            &[r#"endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address"#],
        );
        check("FQDN", json!({"addresses": ["a.example.com"]}), &[]);
        check(
            "IPv4",
            json!({"addresses": []}),
            &["endpoints[0].addresses: Required value: must contain at least 1 address"],
        );
        check("", json!({"addresses": ["x"]}), &["addressType: Required value"]);
    }

    #[test]
    fn a_few_endpoints_are_shown() {
        let slice = json!({
            "addressType": "IPv4", "ports": [{"port": 80}, {"name": "x"}],
            "endpoints": [{"addresses": ["1", "2"]}, {"addresses": ["3", "4"]}],
        });
        let cells = cells("discovery.k8s.io", "endpointslices", &slice);
        assert_eq!(cells[2..4], ["80,x", "1,2,3 + 1 more..."]);
    }
}
