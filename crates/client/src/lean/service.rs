//! A Service with what DNS and proxies read of it. Fields have the names and meanings of `core/v1`; what is not there is
//! empty or zero.

use std::fmt;

use serde::Deserialize;

use super::{Metadata, null_is_default};
use crate::metadata::ObjectMetadata;

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Service {
    pub metadata: Metadata,
    #[serde(deserialize_with = "null_is_default")]
    pub spec: ServiceSpec,
    #[serde(deserialize_with = "null_is_default")]
    pub status: ServiceStatus,
}

/// What a Service is to be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ServiceSpec {
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub service_type: String,
    #[serde(rename = "clusterIP", deserialize_with = "null_is_default")]
    pub cluster_ip: String,
    #[serde(rename = "clusterIPs", deserialize_with = "null_is_default")]
    pub cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs", deserialize_with = "null_is_default")]
    pub external_ips: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub external_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub ports: Vec<ServicePort>,
    #[serde(deserialize_with = "null_is_default")]
    pub session_affinity: String,
    #[serde(deserialize_with = "null_is_default")]
    pub session_affinity_config: SessionAffinityConfig,
    #[serde(deserialize_with = "null_is_default")]
    pub external_traffic_policy: String,
    #[serde(deserialize_with = "null_is_default")]
    pub internal_traffic_policy: String,
    #[serde(deserialize_with = "null_is_default")]
    pub load_balancer_source_ranges: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub health_check_node_port: u16,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ServicePort {
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub protocol: String,
    #[serde(deserialize_with = "null_is_default")]
    pub port: u16,
    #[serde(deserialize_with = "null_is_default")]
    pub node_port: u16,
}

/// How clients are kept to an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SessionAffinityConfig {
    #[serde(rename = "clientIP", deserialize_with = "null_is_default")]
    pub client_ip: ClientIpConfig,
}

/// How long a client is kept to an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ClientIpConfig {
    pub timeout_seconds: Option<u32>,
}

/// What was made of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ServiceStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub load_balancer: LoadBalancerStatus,
}

/// Where a load balancer takes a Service's traffic.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct LoadBalancerStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// An address of a load balancer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LoadBalancerIngress {
    #[serde(deserialize_with = "null_is_default")]
    pub ip: String,
    #[serde(deserialize_with = "null_is_default")]
    pub ip_mode: String,
}

/// A Service's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct ServiceKey {
    pub namespace: String,
    pub name: String,
}

impl ServiceKey {
    /// The key of a Service.
    pub fn of(service: &Service) -> Self {
        Self {
            namespace: service.metadata.namespace().to_owned(),
            name: service.metadata.name().to_owned(),
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

super::kind!(Service, k8s_openapi::api::core::v1::Service);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_may_be_null() {
        let service: Service = serde_json::from_str(
            r#"{"spec":{"externalIPs":null,"sessionAffinity":null,"ports":[{"name":null,"port":80}]},"status":null}"#,
        )
        .unwrap();
        assert_eq!(service.spec.ports[0].port, 80);
    }
}
