//! Endpoint slices.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::core::pod::validation::ports::PROTOCOLS;
use crate::room::{image, room};
use crate::toolkit::addresses;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::{items_mut, objects, remove, when_missing};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// Addresses behind a service, a part of them.
    EndpointSlice
}

/// Who looks after a slice, and who of them knows what addresses look like.
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLERS: [&str; 2] = [
    "endpointslice-controller.k8s.io",
    "endpointslicemirroring-controller.k8s.io",
];
const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_HINTS: usize = 8;
/// How many ports and addresses a table shows.
const SHOWN: usize = 3;

impl Strategy for EndpointSlice {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
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

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::new();
        if old.is_none() && text(new, &["addressType"]) == "FQDN" {
            warnings.push("spec.addressType: FQDN endpoints are deprecated".to_owned());
        }
        let managed_by = text(new, &["metadata", "labels", MANAGED_BY]);
        if !CONTROLLERS.contains(&managed_by) {
            warnings.extend(odd_addresses(new));
        }
        warnings
    }

    fn counts_what_is_dropped(&self) -> bool {
        true
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
                None => port["name"].as_str().unwrap_or("*").to_owned(),
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

/// Addresses that should be written in another way.
fn odd_addresses(slice: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, endpoint) in list(slice, &["endpoints"]).iter().enumerate() {
        for (at, address) in list(endpoint, &["addresses"]).iter().enumerate() {
            let warning = meta::name::ip_warning(address.as_str().unwrap_or(""));
            warnings.extend(warning.map(|warning| format!("endpoints[{index}].addresses[{at}]: {warning}")));
        }
    }
    warnings
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
    ports(&slice.child("ports"));
    let endpoints = slice.child("endpoints");
    // What was good enough once is so again.
    if old.is_some_and(|old| endpoints.is_same(old.get("endpoints"))) {
        return;
    }
    if endpoints.len() > MAX_ENDPOINTS {
        return endpoints.too_many(MAX_ENDPOINTS);
    }
    for endpoint in endpoints.items() {
        self::endpoint(&endpoint, kind.text());
    }
}

fn endpoint(endpoint: &Field, kind: &str) {
    let addresses = endpoint.child("addresses");
    if addresses.is_empty() {
        addresses.required("must contain at least 1 address");
    } else if addresses.len() > MAX_ADDRESSES {
        addresses.too_many(MAX_ADDRESSES);
    }
    for address in addresses.items() {
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
    if self::hints(&hints.child("forZones"), |name| name.label_value()) {
        self::hints(&hints.child("forNodes"), |name| name.dns_subdomain());
    }
}

fn address(addresses: &Field, address: &Field, kind: &str) {
    let text = address.text();
    let (complaints, is_v6) = match kind {
        "IPv4" => (meta::name::ip(text), false),
        "IPv6" => (meta::name::canonical_ip(text), true),
        "FQDN" => return address.complain(meta::name::fully_qualified_domain_name(text)),
        _ => return,
    };
    if !complaints.is_empty() {
        return address.complain(complaints);
    }
    if meta::name::parse_ip(text).is_some_and(|ip| ip.is_ipv6() != is_v6) {
        // Upstream names the list here, not its item.
        addresses.invalid_as(text, &format!("must be an {kind} address"));
    }
    addresses::of_endpoint(address);
}

/// For whom an endpoint is meant; whether there are not too many.
fn hints(places: &Field, rule: fn(&Field)) -> bool {
    if places.len() > MAX_HINTS {
        places.too_many(MAX_HINTS);
        return false;
    }
    let mut seen = Seen::new();
    for place in places.items() {
        let name = place.child("name");
        if seen.again(name.text()) {
            name.duplicate();
        }
        rule(&name);
    }
    true
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
        port.child("protocol").any_of(PROTOCOLS);
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
        check(
            "IPv4",
            json!({"addresses": ["x"]}),
            &[
                r#"endpoints[0].addresses[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
            ],
        );
    }

    #[test]
    fn odd_addresses_are_told() {
        let room = crate::testing::room("discovery.k8s.io", "endpointslices");
        let mut slice = json!({"addressType": "FQDN", "endpoints": [{"addresses": ["::0"]}]});
        assert_eq!(
            room.warnings(&slice, None),
            [
                "spec.addressType: FQDN endpoints are deprecated",
                "endpoints[0].addresses[0]: IPv6 address \"::0\" should be in RFC 5952 canonical format (\"::\")",
            ]
        );
        slice["metadata"]["labels"][super::MANAGED_BY] = super::CONTROLLERS[0].into();
        assert_eq!(room.warnings(&slice, Some(&slice)), [""; 0]);
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
