//! The objects the proxy follows, with just the fields it reads.

use std::fmt;

use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::k8s_openapi::{ClusterResourceScope, Metadata, NamespaceResourceScope, Resource};
use serde::Deserialize;

/// The label of an EndpointSlice that names its Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label of a node that names its zone.
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";
/// Services and EndpointSlices with one of these labels are not ours: other proxies serve them, or none does.
pub(crate) const NOT_OURS: [&str; 2] = [
    "service.kubernetes.io/service-proxy-name",
    "service.kubernetes.io/headless",
];

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    #[serde(deserialize_with = "lean_metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) spec: ServiceSpec,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) status: ServiceStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServiceSpec {
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub(crate) service_type: String,
    #[serde(rename = "clusterIP", deserialize_with = "null_is_default")]
    pub(crate) cluster_ip: String,
    #[serde(rename = "clusterIPs", deserialize_with = "null_is_default")]
    pub(crate) cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs", deserialize_with = "null_is_default")]
    pub(crate) external_ips: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<ServicePort>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) session_affinity: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) session_affinity_config: SessionAffinityConfig,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) external_traffic_policy: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) internal_traffic_policy: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) load_balancer_source_ranges: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) health_check_node_port: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServicePort {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) protocol: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) port: u16,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) node_port: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SessionAffinityConfig {
    #[serde(rename = "clientIP", deserialize_with = "null_is_default")]
    pub(crate) client_ip: ClientIpConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClientIpConfig {
    pub(crate) timeout_seconds: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServiceStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) load_balancer: LoadBalancerStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoadBalancerStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ingress: Vec<LoadBalancerIngress>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LoadBalancerIngress {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ip: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ip_mode: String,
}

/// A part of the endpoints of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EndpointSlice {
    #[serde(deserialize_with = "lean_metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) address_type: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) endpoints: Vec<SliceEndpoint>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<SlicePort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SliceEndpoint {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) addresses: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) conditions: EndpointConditions,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) node_name: String,
    pub(crate) hints: Option<EndpointHints>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndpointConditions {
    pub(crate) ready: Option<bool>,
    pub(crate) serving: Option<bool>,
    pub(crate) terminating: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EndpointHints {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) for_nodes: Vec<Hint>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) for_zones: Vec<Hint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hint {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SlicePort {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) port: Option<u16>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    #[serde(deserialize_with = "lean_metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) addresses: Vec<NodeAddress>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeAddress {
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub(crate) address_type: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) address: String,
}

/// A list without anything is null in some places, and a client may write null anywhere: one strange object must not keep
/// the others from being read.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What is kept of an object's metadata. The record of who wrote which field, and annotations, may be larger than all the
/// rest.
fn lean_metadata<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let mut metadata = ObjectMeta::deserialize(deserializer)?;
    metadata.managed_fields = None;
    metadata.annotations = None;
    Ok(metadata)
}

macro_rules! kind {
    ($type:ty, $group:literal, $api_version:literal, $kind:literal, $plural:literal, $scope:ty) => {
        impl Resource for $type {
            const API_VERSION: &'static str = $api_version;
            const GROUP: &'static str = $group;
            const KIND: &'static str = $kind;
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = $scope;
        }
        impl Metadata for $type {
            type Ty = ObjectMeta;
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
kind!(Service, "", "v1", "Service", "services", NamespaceResourceScope);
kind!(Node, "", "v1", "Node", "nodes", ClusterResourceScope);
kind!(
    EndpointSlice,
    "discovery.k8s.io",
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "endpointslices",
    NamespaceResourceScope
);

/// A Service's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServiceKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl ServiceKey {
    /// The key of a Service of ours; none for one that is not, or whose name could not stand in an nft script.
    pub(crate) fn of_service(metadata: &ObjectMeta) -> Option<Self> {
        Self::ours(metadata, metadata.name.as_deref()?)
    }

    /// The key of the Service that a slice belongs to.
    pub(crate) fn of_slice(metadata: &ObjectMeta) -> Option<Self> {
        Self::ours(metadata, metadata.labels.as_ref()?.get(SERVICE_NAME)?)
    }

    fn ours(metadata: &ObjectMeta, name: &str) -> Option<Self> {
        let labels = metadata.labels.as_ref();
        let is_ours = !NOT_OURS
            .iter()
            .any(|label| labels.is_some_and(|labels| labels.contains_key(*label)));
        let namespace = metadata.namespace.as_deref()?;
        (is_ours && is_plain(namespace) && is_plain(name)).then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether a text is a DNS label, as the API server grants for namespaces and Services.
fn is_plain(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, labels: &[(&str, &str)]) -> ObjectMeta {
        ObjectMeta {
            namespace: Some("a".into()),
            name: Some(name.into()),
            labels: Some(
                labels
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn some_services_and_slices_are_not_ours() {
        let is_ours =
            |name: &str, labels: &[(&str, &str)]| ServiceKey::of_service(&metadata(name, labels)).is_some();
        assert!(is_ours("b", &[("app", "x")]));
        assert!(!is_ours(
            "b",
            &[("service.kubernetes.io/service-proxy-name", "other")]
        ));
        assert!(!is_ours("b", &[("service.kubernetes.io/headless", "")]));
        assert!(!is_ours("b ; flush ruleset", &[]));
        assert!(!is_ours("", &[]));
    }

    #[test]
    fn a_slice_names_its_service() {
        let key = |labels: &[(&str, &str)]| ServiceKey::of_slice(&metadata("b-x7", labels));
        assert_eq!(
            key(&[(SERVICE_NAME, "b")]).map(|key| key.to_string()).as_deref(),
            Some("a/b")
        );
        assert_eq!(key(&[]), None);
        assert_eq!(
            key(&[(SERVICE_NAME, "b"), ("service.kubernetes.io/headless", "")]),
            None
        );
    }

    #[test]
    fn anything_may_be_null() {
        let slice: EndpointSlice =
            serde_json::from_str(r#"{"addressType":"IPv4","endpoints":null,"ports":null}"#).unwrap();
        assert!(slice.endpoints.is_empty() && slice.ports.is_empty());
        let service: Service = serde_json::from_str(
            r#"{"spec":{"externalIPs":null,"sessionAffinity":null,"ports":[{"name":null,"port":80}]},"status":null}"#,
        )
        .unwrap();
        assert_eq!(service.spec.ports[0].port, 80);
    }

    #[test]
    fn metadata_is_kept_lean() {
        let node: Node = serde_json::from_str(
            r#"{"metadata":{"name":"a","annotations":{"b":"c"},"managedFields":[{"manager":"d"}]}}"#,
        )
        .unwrap();
        assert_eq!(node.metadata.name.as_deref(), Some("a"));
        assert!(node.metadata.managed_fields.is_none() && node.metadata.annotations.is_none());
    }
}
