//! Which slices stand for some Endpoints.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Service};
use client::k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::key::Key;
use crate::owner;

/// Endpoints in one slice, and of one subset that are mirrored, upstream's defaults.
const MAX_ENDPOINTS: usize = 1000;
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: (&str, &str) = (
    "endpointslice.kubernetes.io/managed-by",
    "endpointslicemirroring-controller.k8s.io",
);
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Endpoints were used to elect leaders once; those stand for nothing.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations that are not the slices'.
const NOT_COPIED: [&str; 2] = [
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The Service a slice of ours belongs to.
pub(super) fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let labels = slice.metadata.labels.as_ref()?;
    if labels.get(MANAGED_BY.0).map(String::as_str) != Some(MANAGED_BY.1) {
        return None;
    }
    let namespace = slice.metadata.namespace.as_deref().unwrap_or("");
    Some(Key::new(namespace, labels.get(SERVICE_NAME)?))
}

/// Whether nobody else makes slices of these Endpoints.
pub(super) fn is_mirrored(endpoints: &Endpoints, service: &Service) -> bool {
    let metadata = &endpoints.metadata;
    let skipped = metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(SKIP))
        .is_some_and(|value| value == "true");
    let elects = metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(LEADER));
    let selects = service.spec.as_ref().is_some_and(|spec| spec.selector.is_some());
    !skipped && !elects && !selects
}

/// What to write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<String>,
}

/// What the endpoints of one slice have in common: the family, and the ports (in a form that sorts).
type Group = (&'static str, String);

/// Brings the slices to what the Endpoints say; none are there if no Endpoints are to be mirrored.
pub(super) fn make(endpoints: Option<&Endpoints>, there: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::default();
    let mut by_group: BTreeMap<Group, VecDeque<&Arc<EndpointSlice>>> = BTreeMap::new();
    for slice in there {
        let group = group(&slice.address_type, slice.ports.as_deref().unwrap_or_default());
        by_group.entry(group).or_default().push_back(slice);
    }
    for wanted in endpoints.map(slices).unwrap_or_default() {
        let key = group(&wanted.address_type, wanted.ports.as_deref().unwrap_or_default());
        match by_group.get_mut(&key).and_then(VecDeque::pop_front) {
            None => plan.create.push(wanted),
            Some(old) => {
                let next = EndpointSlice {
                    metadata: ObjectMeta {
                        labels: wanted.metadata.labels,
                        annotations: wanted.metadata.annotations,
                        owner_references: wanted.metadata.owner_references,
                        ..old.metadata.clone()
                    },
                    ..wanted
                };
                if !is_same(&next, old) {
                    plan.update.push(next);
                }
            }
        }
    }
    let rest = by_group.into_values().flatten();
    plan.delete
        .extend(rest.filter_map(|slice| slice.metadata.name.clone()));
    plan
}

fn group(family: &str, ports: &[EndpointPort]) -> Group {
    let name = |port: &EndpointPort| port.name.clone().unwrap_or_default();
    let mut ports: Vec<_> = ports
        .iter()
        .map(|port| {
            let EndpointPort {
                port: number,
                protocol,
                app_protocol,
                ..
            } = port;
            format!("{:?} {number:?} {protocol:?} {app_protocol:?}", name(port))
        })
        .collect();
    ports.sort();
    let family = if family == "IPv6" { "IPv6" } else { "IPv4" };
    (family, ports.join(","))
}

/// Whether two slices say the same; the server fills in names that are left out.
fn is_same(next: &EndpointSlice, old: &EndpointSlice) -> bool {
    let plain = |slice: &EndpointSlice| {
        let mut slice = slice.clone();
        for port in slice.ports.iter_mut().flatten() {
            port.name.get_or_insert_default();
        }
        slice
    };
    plain(next) == plain(old)
}

/// The slices that stand for Endpoints.
fn slices(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut by_group: BTreeMap<Group, (Vec<EndpointPort>, Vec<Endpoint>)> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports = ports(subset);
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let unready = subset
            .not_ready_addresses
            .iter()
            .flatten()
            .map(|address| (address, false));
        for (address, is_ready) in ready.chain(unready).take(MAX_ENDPOINTS) {
            let Ok(ip) = address.ip.parse::<IpAddr>() else {
                continue;
            };
            let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
            let (_, members) = by_group
                .entry(group(family, &ports))
                .or_insert_with(|| (ports.clone(), Vec::new()));
            members.push(endpoint(address, is_ready));
        }
    }
    let mut slices = Vec::new();
    for ((family, _), (ports, members)) in by_group {
        slices.extend(
            members
                .chunks(MAX_ENDPOINTS)
                .map(|members| slice(endpoints, family, &ports, members)),
        );
    }
    slices
}

fn ports(subset: &EndpointSubset) -> Vec<EndpointPort> {
    let ports = subset.ports.iter().flatten();
    ports
        .map(|port| EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()).filter(|name| !name.is_empty()),
            port: Some(port.port),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| String::from("TCP"))),
            app_protocol: port.app_protocol.clone(),
        })
        .collect()
}

fn endpoint(address: &EndpointAddress, is_ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions {
            ready: Some(is_ready),
            ..EndpointConditions::default()
        }),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn slice(endpoints: &Endpoints, family: &str, ports: &[EndpointPort], members: &[Endpoint]) -> EndpointSlice {
    let metadata = &endpoints.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let mut labels = metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.clone());
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    let mut annotations = metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !NOT_COPIED.contains(&key.as_str()));
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            owner_references: Some(vec![owner::controller_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: family.to_owned(),
        endpoints: Some(members.to_vec()),
        ports: (!ports.is_empty()).then(|| ports.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoints(addresses: &[&str], not_ready: &[&str]) -> Endpoints {
        let list = |ips: &[&str]| ips.iter().map(|ip| json!({ "ip": ip })).collect::<Vec<_>>();
        serde_json::from_value(json!({
            "metadata": { "name": "s", "namespace": "n", "uid": "u", "annotations": { "a": "b", NOT_COPIED[0]: "x" } },
            "subsets": [{ "addresses": list(addresses), "notReadyAddresses": list(not_ready), "ports": [{ "port": 80 }] }],
        }))
        .unwrap()
    }

    fn carried_out(plan: Plan) -> Vec<Arc<EndpointSlice>> {
        let named = plan.create.into_iter().enumerate().map(|(at, mut slice)| {
            slice.metadata.name = Some(at.to_string());
            slice.metadata.generate_name = None;
            Arc::new(slice)
        });
        named.collect()
    }

    #[test]
    fn addresses_are_mirrored_by_family_and_stay_so() {
        let endpoints = endpoints(&["10.0.0.1", "fd00::1"], &["10.0.0.2"]);
        let plan = make(Some(&endpoints), &[]);
        let families: Vec<_> = plan.create.iter().map(|s| s.address_type.as_str()).collect();
        assert_eq!(families, ["IPv4", "IPv6"]);
        assert_eq!(plan.create[0].endpoints.as_ref().map(Vec::len), Some(2));
        let annotations = plan.create[0].metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations.keys().collect::<Vec<_>>(), ["a"]);
        let there = carried_out(plan);
        assert_eq!(make(Some(&endpoints), &there), Plan::default());
    }

    #[test]
    fn a_change_is_an_update_and_the_end_a_deletion() {
        let there = carried_out(make(Some(&endpoints(&["10.0.0.1"], &[])), &[]));
        let more = make(Some(&endpoints(&["10.0.0.1", "10.0.0.3"], &[])), &there);
        assert_eq!(
            (more.create.len(), more.update.len(), more.delete.len()),
            (0, 1, 0)
        );
        assert_eq!(make(None, &there).delete, ["0"]);
    }

    #[test]
    fn services_with_selectors_have_slices_of_their_own() {
        let check = |labels: serde_json::Value, selector: serde_json::Value, expected: bool| {
            let endpoints = serde_json::from_value(json!({ "metadata": { "labels": labels } })).unwrap();
            let service = serde_json::from_value(json!({ "spec": { "selector": selector } })).unwrap();
            assert_eq!(is_mirrored(&endpoints, &service), expected, "{labels} {selector}");
        };
        check(json!({}), serde_json::Value::Null, true);
        check(json!({}), json!({ "a": "b" }), false);
        check(json!({ SKIP: "true" }), serde_json::Value::Null, false);
    }
}
