//! The Service of the cluster's DNS, and this node's part of its endpoints.
//!
//! The Service has no selector: every node that serves DNS keeps an EndpointSlice of its own. A hint asks the proxies of
//! the same node to use this server, so that DNS on one node does not depend on another. The slice belongs to the node,
//! and is deleted with it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use client::error::optional;
use client::k8s_openapi::api::core::v1::{Node, Service, ServicePort, ServiceSpec};
use client::k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode,
};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use client::{Client, DeleteOptions, Informer, ListOptions, Scope};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use std::sync::Arc;

const NAMESPACE: &str = "kube-system";
/// The name the DNS Service has everywhere, whatever serves it.
const NAME: &str = "kube-dns";
const DNS_PORT: u16 = 53;
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "pintle-dns";

/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// What may be spent on taking this node's part away.
const FAREWELL_TIME_LIMIT: Duration = Duration::from_secs(3);

/// What a node makes known of its DNS server.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The addresses of the Service, the first one first: one, or one of each family.
    pub service_addresses: Vec<IpAddr>,
    /// The node.
    pub node_name: String,
    /// Where the node's server listens. All of a family have the same port.
    pub listeners: Vec<SocketAddr>,
}

/// Keeps the Service, and this node's slice of its endpoints, until the token fires; then takes the slice away.
///
/// A Service of that name that has a selector belongs to another DNS server: it is left as it is, and no slice is made.
pub async fn publish(client: Client, publication: Publication, shutdown: CancellationToken) {
    let publisher = Publisher { client, publication };
    let _ = shutdown.run_until_cancelled(publisher.keep(&shutdown)).await;
    let farewell = publisher.take_away();
    if tokio::time::timeout(FAREWELL_TIME_LIMIT, farewell).await.is_err() {
        tracing::debug!("this node's endpoints of the DNS Service could not be taken away in time");
    }
}

struct Publisher {
    client: Client,
    publication: Publication,
}

impl Publisher {
    /// Sets things right at the start and whenever somebody changes them.
    async fn keep(&self, shutdown: &CancellationToken) {
        let changed = Arc::new(Notify::new());
        let this_node = ListOptions::fields(format!("metadata.name={}", self.publication.node_name));
        let nodes = Informer::<Node>::start(self.client.clone(), "", this_node, shutdown.clone());
        let named = ListOptions::fields(format!("metadata.name={NAME}"));
        let services = Informer::<Service>::start(self.client.clone(), NAMESPACE, named, shutdown.clone());
        let labelled = ListOptions::labels(format!("{SERVICE_NAME}={NAME},{MANAGED_BY}={MANAGER}"));
        let slices =
            Informer::<EndpointSlice>::start(self.client.clone(), NAMESPACE, labelled, shutdown.clone());
        let to = changed.clone();
        services.on_change(move |_| to.notify_one());
        let to = changed.clone();
        slices.on_change(move |_| to.notify_one());
        // The node may come later than its DNS server.
        let to = changed.clone();
        nodes.on_change(move |_| to.notify_one());
        services.synced().await;
        slices.synced().await;
        let mut retry = FIRST_RETRY;
        loop {
            let node = nodes.store().get("", &self.publication.node_name);
            match self.set_right(&services, &slices, node.as_deref()).await {
                Ok(()) => {
                    retry = FIRST_RETRY;
                    changed.notified().await;
                }
                // Others may do the same at the same time, and at first the namespace may not be there.
                Err(error) => {
                    tracing::debug!(error = %client::controller::Chain(&error), "cannot publish the DNS Service yet");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    async fn set_right(
        &self,
        services: &Informer<Service>,
        slices: &Informer<EndpointSlice>,
        node: Option<&Node>,
    ) -> Result<(), client::Error> {
        let scope = Scope::Namespace(NAMESPACE);
        let service = services.store().get(NAMESPACE, NAME);
        match service_step(service.as_deref(), &self.publication) {
            ServiceStep::None => {}
            ServiceStep::Create(service) => {
                let created = self.client.create(scope, service.as_ref()).await;
                ignore(created, client::Error::is_already_exists)?;
            }
            ServiceStep::LeaveToOthers(why) => {
                tracing::warn!("Service {NAMESPACE}/{NAME} {why}: it is left as it is");
                return self.take_away_slices(slices).await;
            }
        }
        for wanted in wanted_slices(&self.publication, node) {
            let name = wanted.metadata.name.as_deref().unwrap_or_default();
            let held = slices.store().get(NAMESPACE, name);
            match slice_step(held.as_deref(), wanted) {
                SliceStep::None => {}
                SliceStep::Create(slice) => {
                    let created = self.client.create(scope, slice.as_ref()).await;
                    ignore(created, client::Error::is_already_exists)?;
                }
                SliceStep::Replace(slice) => {
                    let replaced = self.client.replace(slice.as_ref()).await;
                    ignore(replaced, client::Error::is_conflict)?;
                }
            }
        }
        Ok(())
    }

    async fn take_away_slices(&self, slices: &Informer<EndpointSlice>) -> Result<(), client::Error> {
        for name in wanted_slices(&self.publication, None)
            .iter()
            .filter_map(|slice| slice.metadata.name.as_deref())
        {
            if slices.store().get(NAMESPACE, name).is_some() {
                self.delete_slice(name).await?;
            }
        }
        Ok(())
    }

    async fn take_away(&self) {
        for slice in wanted_slices(&self.publication, None) {
            let name = slice.metadata.name.as_deref().unwrap_or_default();
            if let Err(error) = self.delete_slice(name).await {
                tracing::debug!(%error, "this node's endpoints of the DNS Service could not be taken away");
            }
        }
    }

    async fn delete_slice(&self, name: &str) -> Result<(), client::Error> {
        let scope = Scope::Namespace(NAMESPACE);
        let options = DeleteOptions::default();
        let deleted = self.client.delete::<EndpointSlice>(scope, name, &options).await;
        optional(deleted).map(|_| ())
    }
}

/// Somebody else was faster: the informer will tell.
fn ignore<T>(
    result: Result<T, client::Error>,
    expected: impl Fn(&client::Error) -> bool,
) -> Result<(), client::Error> {
    match result {
        Err(error) if !expected(&error) => Err(error),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq)]
enum ServiceStep {
    None,
    Create(Box<Service>),
    LeaveToOthers(&'static str),
}

fn service_step(held: Option<&Service>, publication: &Publication) -> ServiceStep {
    let Some(held) = held else {
        return ServiceStep::Create(Box::new(wanted_service(publication)));
    };
    let spec = held.spec.as_ref();
    let has_selector = spec
        .and_then(|spec| spec.selector.as_ref())
        .is_some_and(|selector| !selector.is_empty());
    if has_selector {
        return ServiceStep::LeaveToOthers("has a selector");
    }
    let address = spec.and_then(|spec| spec.cluster_ip.as_deref()?.parse::<IpAddr>().ok());
    if address.is_none_or(|address| !publication.service_addresses.contains(&address)) {
        return ServiceStep::LeaveToOthers("has another address");
    }
    ServiceStep::None
}

fn wanted_service(publication: &Publication) -> Service {
    let addresses: Vec<String> = publication
        .service_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    let policy = if addresses.len() > 1 {
        "PreferDualStack"
    } else {
        "SingleStack"
    };
    let port = |name: &str, protocol: &str| ServicePort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        port: i32::from(DNS_PORT),
        target_port: publication
            .listeners
            .first()
            .map(|listener| IntOrString::Int(i32::from(listener.port()))),
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

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[derive(Debug, PartialEq)]
enum SliceStep {
    None,
    Create(Box<EndpointSlice>),
    Replace(Box<EndpointSlice>),
}

fn slice_step(held: Option<&EndpointSlice>, wanted: EndpointSlice) -> SliceStep {
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

/// A slice for each family in which the server listens.
fn wanted_slices(publication: &Publication, node: Option<&Node>) -> Vec<EndpointSlice> {
    [(true, "IPv4", "4"), (false, "IPv6", "6")]
        .into_iter()
        .filter_map(|(is_ipv4, address_type, suffix)| {
            let of_family: Vec<SocketAddr> = publication
                .listeners
                .iter()
                .copied()
                .filter(|listener| listener.is_ipv4() == is_ipv4)
                .collect();
            let port = of_family.first()?.port();
            Some(EndpointSlice {
                metadata: ObjectMeta {
                    namespace: Some(NAMESPACE.to_owned()),
                    name: Some(format!("{NAME}-{}-{suffix}", publication.node_name)),
                    labels: Some(labels(&[(SERVICE_NAME, NAME), (MANAGED_BY, MANAGER)])),
                    owner_references: node.and_then(owner),
                    ..ObjectMeta::default()
                },
                address_type: address_type.to_owned(),
                endpoints: Some(
                    of_family
                        .iter()
                        .map(|listener| endpoint(listener.ip(), &publication.node_name))
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

fn owner(node: &Node) -> Option<Vec<OwnerReference>> {
    Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.metadata.name.clone()?,
        uid: node.metadata.uid.clone()?,
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

    fn publication() -> Publication {
        Publication {
            service_addresses: vec!["10.43.0.10".parse().unwrap()],
            node_name: "n1".to_owned(),
            listeners: vec!["192.168.0.1:1053".parse().unwrap()],
        }
    }

    fn service(spec: serde_json::Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": NAME}, "spec": spec})).unwrap()
    }

    #[test]
    fn the_service_is_made_as_everyone_expects_it() {
        let ServiceStep::Create(service) = service_step(None, &publication()) else {
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
        let step = |spec| service_step(Some(&service(spec)), &publication());
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
        let mut both = publication();
        both.listeners.push("[fd00::1]:1053".parse().unwrap());
        let slices = wanted_slices(&both, None);
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
        let node = serde_json::from_value(json!({"metadata": {"name": "n1", "uid": "u"}})).unwrap();
        let slice = || wanted_slices(&publication(), Some(&node)).remove(0);
        assert_eq!(
            serde_json::to_value(slice().metadata.owner_references).unwrap(),
            json!([{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}])
        );
        let unowned = || wanted_slices(&publication(), None).remove(0);
        assert!(matches!(
            slice_step(Some(&unowned()), slice()),
            SliceStep::Replace(_)
        ));
        assert_eq!(slice_step(Some(&slice()), slice()), SliceStep::None);
        assert_eq!(slice_step(Some(&slice()), unowned()), SliceStep::None);
    }

    #[test]
    fn a_slice_is_written_only_if_it_is_wrong() {
        let wanted = || wanted_slices(&publication(), None).remove(0);
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
