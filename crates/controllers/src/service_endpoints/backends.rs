//! The pods behind a Service, with their addresses, ports and conditions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{ObjectReference, Service, ServicePort};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use client::lean::Pod;

use super::watch::selects;

/// A port that pods serve a Service on. Pods may serve a named port on different numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) number: i32,
    pub(super) app_protocol: Option<String>,
}

/// A pod at one of its addresses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Backend {
    pub(super) address: IpAddr,
    /// Takes new connections.
    pub(super) ready: bool,
    /// Could take connections, were it not on its way out.
    pub(super) serving: bool,
    pub(super) terminating: bool,
    pub(super) hostname: Option<String>,
    pub(super) node: Option<String>,
    pub(super) pod: ObjectReference,
}

/// Backends by the ports they serve on, in order of address.
pub(super) type ByPorts = BTreeMap<Vec<Port>, Vec<Backend>>;

/// The backends of a Service in one address family.
pub(super) fn of_service(service: &Service, pods: &[Arc<Pod>], ipv6: bool) -> ByPorts {
    let mut by_ports = ByPorts::new();
    for pod in pods.iter().filter(|pod| selects(service, pod) && may_serve(pod)) {
        let Some(address) = address(pod, ipv6) else {
            continue;
        };
        let backend = backend(service, pod, address);
        by_ports.entry(ports(service, pod)).or_default().push(backend);
    }
    by_ports
        .values_mut()
        .for_each(|backends| backends.sort_by_key(|backend| backend.address));
    by_ports
}

/// A pod that has run to its end serves no more.
fn may_serve(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}

fn address(pod: &Pod, ipv6: bool) -> Option<IpAddr> {
    let status = pod.status.as_ref()?;
    let listed = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let mut addresses = listed
        .chain(status.pod_ip.as_deref())
        .filter_map(|text| text.parse::<IpAddr>().ok());
    addresses.find(|address| address.is_ipv6() == ipv6)
}

fn backend(service: &Service, pod: &Pod, address: IpAddr) -> Backend {
    let spec = pod.spec.as_ref();
    let serving = is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let publish_all = service
        .spec
        .as_ref()
        .and_then(|spec| spec.publish_not_ready_addresses)
        .unwrap_or(false);
    let subdomain = spec.and_then(|spec| spec.subdomain.as_deref());
    let hostname = spec.and_then(|spec| spec.hostname.as_deref()).filter(|hostname| {
        !hostname.is_empty() && subdomain.is_some() && subdomain == service.metadata.name.as_deref()
    });
    Backend {
        address,
        ready: publish_all || (serving && !terminating),
        serving,
        terminating,
        hostname: hostname.map(str::to_owned),
        node: spec.and_then(|spec| spec.node_name.as_deref()).map(str::to_owned),
        pod: ObjectReference {
            kind: Some(String::from("Pod")),
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.as_deref().map(str::to_owned),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        },
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    let mut found: Vec<Port> = ports.iter().filter_map(|port| port_of(port, pod)).collect();
    found.sort();
    found
}

fn port_of(port: &ServicePort, pod: &Pod) -> Option<Port> {
    let protocol = port.protocol.clone().unwrap_or_else(|| String::from("TCP"));
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => named_port(pod, name, &protocol)?,
    };
    Some(Port {
        name: port.name.clone().unwrap_or_default(),
        protocol,
        number,
        app_protocol: port.app_protocol.clone(),
    })
}

fn named_port(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(sidecars);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let found = ports.find(|port| {
        port.name.as_deref() == Some(name) && port.protocol.as_deref().unwrap_or("TCP") == protocol
    });
    found.map(|port| port.container_port)
}

#[cfg(test)]
pub(super) mod testing {
    use client::k8s_openapi::api::core::v1::{ContainerPort, ServiceSpec};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use client::lean::{Container, Metadata, PodCondition, PodStatus, PodTemplate};

    use super::*;

    /// A Service `web` that leads its port 80 to the pods' port named `http`.
    pub(in crate::service_endpoints) fn service() -> Service {
        let port = ServicePort {
            port: 80,
            target_port: Some(IntOrString::String("http".into())),
            ..ServicePort::default()
        };
        Service {
            metadata: ObjectMeta {
                name: Some("web".into()),
                namespace: Some("default".into()),
                uid: Some("s".into()),
                ..ObjectMeta::default()
            },
            spec: Some(ServiceSpec {
                selector: Some([("app".to_owned(), "web".to_owned())].into()),
                ports: Some(vec![port]),
                ..ServiceSpec::default()
            }),
            status: None,
        }
    }

    /// A pod of the Service, at an address, with its `http` port.
    pub(in crate::service_endpoints) fn pod(address: &str, port: i32, ready: bool) -> Arc<Pod> {
        let http = ContainerPort {
            container_port: port,
            name: Some("http".into()),
            ..ContainerPort::default()
        };
        let container = Container {
            ports: Some(vec![http]),
            ..Container::default()
        };
        let condition = PodCondition {
            type_: "Ready".into(),
            status: if ready { "True" } else { "False" }.into(),
            ..PodCondition::default()
        };
        Arc::new(Pod {
            metadata: Metadata {
                name: Some(address.into()),
                namespace: Some("default".into()),
                uid: Some(address.into()),
                labels: Some([("app".to_owned(), "web".to_owned())].into()),
                ..Metadata::default()
            },
            spec: Some(
                PodTemplate {
                    containers: vec![container].into(),
                    ..PodTemplate::default()
                }
                .into(),
            ),
            status: Some(PodStatus {
                pod_ip: Some(address.into()),
                conditions: Some(vec![condition]),
                ..PodStatus::default()
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{pod, service};
    use super::*;

    #[test]
    fn pods_with_different_numbers_for_a_port_stand_apart() {
        let pods = [
            pod("10.0.0.2", 8080, true),
            pod("10.0.0.1", 8080, true),
            pod("10.0.0.3", 9090, true),
        ];
        let found = of_service(&service(), &pods, false);
        let sizes: Vec<_> = found
            .iter()
            .map(|(ports, backends)| (ports[0].number, backends.len()))
            .collect();
        assert_eq!(sizes, [(8080, 2), (9090, 1)]);
    }

    #[test]
    fn readiness_can_be_overruled_by_the_service() {
        let mut service = service();
        let pods = [pod("10.0.0.1", 80, false)];
        let ready = |service: &Service| {
            of_service(service, &pods, false)
                .into_values()
                .flatten()
                .all(|b| b.ready)
        };
        assert!(!ready(&service));
        service.spec.get_or_insert_default().publish_not_ready_addresses = Some(true);
        assert!(ready(&service));
    }

    #[test]
    fn pods_of_the_other_address_family_are_left_out() {
        assert!(of_service(&service(), &[pod("10.0.0.1", 80, true)], true).is_empty());
    }
}
