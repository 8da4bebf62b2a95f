//! The DNS Service and its slices as they should be, and what is to be done to have them so.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use client::k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use client::k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode,
};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Server;

pub(super) const NAMESPACE: &str = "kube-system";
/// The name the DNS Service has everywhere, whatever serves it.
pub(super) const NAME: &str = "kube-dns";
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "pintle-dns";
const DNS_PORT: u16 = 53;

#[derive(Debug, PartialEq)]
pub(super) enum ServiceStep {
    None,
    Create(Box<Service>),
    LeaveToOthers(&'static str),
}

pub(super) fn service_step(held: Option<&Service>, wanted: &WantedService) -> ServiceStep {
    let Some(held) = held else {
        return ServiceStep::Create(Box::new(wanted.object()));
    };
    let spec = held.spec.as_ref();
    let has_selector = spec
        .and_then(|spec| spec.selector.as_ref())
        .is_some_and(|selector| !selector.is_empty());
    if has_selector {
        return ServiceStep::LeaveToOthers("has a selector");
    }
    let address = spec.and_then(|spec| spec.cluster_ip.as_deref()?.parse::<IpAddr>().ok());
    if address.is_none_or(|address| !wanted.addresses.contains(&address)) {
        return ServiceStep::LeaveToOthers("has another address");
    }
    ServiceStep::None
}

/// The Service as it should be.
#[derive(Clone, Debug)]
pub(super) struct WantedService {
    /// The first one first: one, or one of each family.
    pub(super) addresses: Vec<IpAddr>,
    /// The port of servers; none if there is none yet.
    pub(super) target_port: Option<u16>,
}

impl WantedService {
    fn object(&self) -> Service {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let policy = if addresses.len() > 1 {
            "PreferDualStack"
        } else {
            "SingleStack"
        };
        let port = |name: &str, protocol: &str| ServicePort {
            name: Some(name.to_owned()),
            protocol: Some(protocol.to_owned()),
            port: i32::from(DNS_PORT),
            target_port: self.target_port.map(|port| IntOrString::Int(i32::from(port))),
            ..ServicePort::default()
        };
        Service {
            metadata: ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                name: Some(NAME.to_owned()),
                labels: Some(labels(&[
                    ("k8s-app", "kube-dns"),
                    ("kubernetes.io/cluster-service", "true"),
                    ("kubernetes.io/name", "CoreDNS"),
                ])),
                ..ObjectMeta::default()
            },
            spec: Some(ServiceSpec {
                cluster_ip: addresses.first().cloned(),
                cluster_ips: Some(addresses),
                ip_family_policy: Some(policy.to_owned()),
                ports: Some(vec![port("dns", "UDP"), port("dns-tcp", "TCP")]),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[derive(Debug, PartialEq)]
pub(super) enum SliceStep {
    None,
    Create(Box<EndpointSlice>),
    Replace(Box<EndpointSlice>),
}

pub(super) fn slice_step(held: Option<&EndpointSlice>, wanted: EndpointSlice) -> SliceStep {
    let Some(held) = held else {
        return SliceStep::Create(Box::new(wanted));
    };
    let is_labelled = held.metadata.labels == wanted.metadata.labels;
    // A node that is not known right now may be known soon; its slice stays its own.
    let wanted_owner = &wanted.metadata.owner_references;
    let is_owned = wanted_owner.is_none() || held.metadata.owner_references == *wanted_owner;
    if is_labelled && is_owned && held.endpoints == wanted.endpoints && held.ports == wanted.ports {
        return SliceStep::None;
    }
    let mut new = wanted;
    new.metadata.resource_version = held.metadata.resource_version.clone();
    SliceStep::Replace(Box::new(new))
}

/// A slice for each family in which a server listens.
pub(super) fn wanted_slices(server: &Server) -> Vec<EndpointSlice> {
    [(true, "IPv4", "4"), (false, "IPv6", "6")]
        .into_iter()
        .filter_map(|(is_ipv4, address_type, suffix)| {
            let listeners = server.listeners.iter();
            let of_family: Vec<SocketAddr> = listeners
                .copied()
                .filter(|listener| listener.is_ipv4() == is_ipv4)
                .collect();
            let port = of_family.first()?.port();
            Some(EndpointSlice {
                metadata: ObjectMeta {
                    namespace: Some(NAMESPACE.to_owned()),
                    name: Some(format!("{NAME}-{}-{suffix}", server.node_name)),
                    labels: Some(labels(&[(SERVICE_NAME, NAME), (MANAGED_BY, MANAGER)])),
                    owner_references: owner(server),
                    ..ObjectMeta::default()
                },
                address_type: address_type.to_owned(),
                endpoints: Some(
                    of_family
                        .iter()
                        .map(|listener| endpoint(listener.ip(), &server.node_name))
                        .collect(),
                ),
                ports: Some(vec![
                    slice_port("dns", "UDP", port),
                    slice_port("dns-tcp", "TCP", port),
                ]),
            })
        })
        .collect()
}

fn owner(server: &Server) -> Option<Vec<OwnerReference>> {
    Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: server.node_name.clone(),
        uid: server.node_uid.clone()?,
        ..OwnerReference::default()
    }])
}

fn endpoint(address: IpAddr, node: &str) -> Endpoint {
    Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(true),
            serving: Some(true),
            terminating: Some(false),
        }),
        node_name: Some(node.to_owned()),
        hints: Some(EndpointHints {
            for_nodes: Some(vec![ForNode {
                name: node.to_owned(),
            }]),
            for_zones: None,
        }),
        ..Endpoint::default()
    }
}

fn slice_port(name: &str, protocol: &str, port: u16) -> EndpointPort {
    EndpointPort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        port: Some(i32::from(port)),
        app_protocol: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server() -> Server {
        Server {
            node_name: "n1".to_owned(),
            node_uid: None,
            listeners: vec!["192.168.0.1:1053".parse().unwrap()],
        }
    }

    fn wanted_service() -> WantedService {
        WantedService {
            addresses: vec!["10.43.0.10".parse().unwrap()],
            target_port: Some(1053),
        }
    }

    fn service(spec: serde_json::Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": NAME}, "spec": spec})).unwrap()
    }

    #[test]
    fn the_service_is_made_as_everyone_expects_it() {
        let ServiceStep::Create(service) = service_step(None, &wanted_service()) else {
            panic!("there is none yet");
        };
        assert_eq!(
            serde_json::to_value(service).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "namespace": "kube-system",
                    "name": "kube-dns",
                    "labels": {
                        "k8s-app": "kube-dns",
                        "kubernetes.io/cluster-service": "true",
                        "kubernetes.io/name": "CoreDNS",
                    },
                },
                "spec": {
                    "clusterIP": "10.43.0.10",
                    "clusterIPs": ["10.43.0.10"],
                    "ipFamilyPolicy": "SingleStack",
                    "ports": [
                        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 1053},
                        {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 1053},
                    ],
                },
            })
        );
    }

    #[test]
    fn a_service_of_others_is_left_alone() {
        let step = |spec| service_step(Some(&service(spec)), &wanted_service());
        assert_eq!(step(json!({"clusterIP": "10.43.0.10"})), ServiceStep::None);
        let others = json!({"clusterIP": "10.43.0.10", "selector": {"k8s-app": "kube-dns"}});
        assert!(matches!(step(others), ServiceStep::LeaveToOthers(_)));
        assert!(matches!(
            step(json!({"clusterIP": "10.43.0.11"})),
            ServiceStep::LeaveToOthers(_)
        ));
    }

    #[test]
    fn each_node_has_its_own_slices() {
        let mut both = server();
        both.listeners.push("[fd00::1]:1053".parse().unwrap());
        let slices = wanted_slices(&both);
        let names: Vec<_> = slices
            .iter()
            .filter_map(|slice| slice.metadata.name.as_deref())
            .collect();
        assert_eq!(names, ["kube-dns-n1-4", "kube-dns-n1-6"]);
        assert_eq!(
            serde_json::to_value(&slices[0]).unwrap(),
            json!({
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "namespace": "kube-system",
                    "name": "kube-dns-n1-4",
                    "labels": {
                        "kubernetes.io/service-name": "kube-dns",
                        "endpointslice.kubernetes.io/managed-by": "pintle-dns",
                    },
                },
                "addressType": "IPv4",
                "endpoints": [{
                    "addresses": ["192.168.0.1"],
                    "conditions": {"ready": true, "serving": true, "terminating": false},
                    "nodeName": "n1",
                    "hints": {"forNodes": [{"name": "n1"}]},
                }],
                "ports": [
                    {"name": "dns", "protocol": "UDP", "port": 1053},
                    {"name": "dns-tcp", "protocol": "TCP", "port": 1053},
                ],
            })
        );
    }

    #[test]
    fn a_slice_belongs_to_its_node() {
        let known = Server {
            node_uid: Some("u".to_owned()),
            ..server()
        };
        let slice = || wanted_slices(&known).remove(0);
        assert_eq!(
            serde_json::to_value(slice().metadata.owner_references).unwrap(),
            json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}])
        );
        let unowned = || wanted_slices(&server()).remove(0);
        assert!(matches!(
            slice_step(Some(&unowned()), slice()),
            SliceStep::Replace(_)
        ));
        assert_eq!(slice_step(Some(&slice()), slice()), SliceStep::None);
        assert_eq!(slice_step(Some(&slice()), unowned()), SliceStep::None);
    }

    #[test]
    fn a_slice_is_written_only_if_it_is_wrong() {
        let wanted = || wanted_slices(&server()).remove(0);
        assert!(matches!(slice_step(None, wanted()), SliceStep::Create(_)));
        let mut held = wanted();
        held.metadata.resource_version = Some("7".to_owned());
        held.metadata.uid = Some("u".to_owned());
        assert_eq!(slice_step(Some(&held), wanted()), SliceStep::None);
        held.endpoints = None;
        let SliceStep::Replace(slice) = slice_step(Some(&held), wanted()) else {
            panic!("it lost its endpoint");
        };
        assert_eq!(slice.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(slice.endpoints.map(|all| all.len()), Some(1));
    }
}
