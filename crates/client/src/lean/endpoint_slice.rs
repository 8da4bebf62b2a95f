//! An EndpointSlice with what DNS and proxies read of it. Fields have the names and meanings of `discovery.k8s.io/v1`.

use serde::Deserialize;

use super::{Metadata, ServiceKey, null_is_default};
use crate::metadata::ObjectMetadata;

/// A part of the endpoints of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct EndpointSlice {
    pub metadata: Metadata,
    #[serde(deserialize_with = "null_is_default")]
    pub address_type: String,
    #[serde(deserialize_with = "null_is_default")]
    pub endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "null_is_default")]
    pub ports: Vec<EndpointPort>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Endpoint {
    #[serde(deserialize_with = "null_is_default")]
    pub addresses: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub conditions: EndpointConditions,
    #[serde(deserialize_with = "null_is_default")]
    pub hostname: String,
    #[serde(deserialize_with = "null_is_default")]
    pub node_name: String,
    pub hints: Option<EndpointHints>,
}

/// Whether an endpoint takes traffic.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct EndpointConditions {
    pub ready: Option<bool>,
    pub serving: Option<bool>,
    pub terminating: Option<bool>,
}

/// Whose traffic an endpoint should take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct EndpointHints {
    #[serde(deserialize_with = "null_is_default")]
    pub for_nodes: Vec<Hint>,
    #[serde(deserialize_with = "null_is_default")]
    pub for_zones: Vec<Hint>,
}

/// A node or a zone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Hint {
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
}

/// A port of all endpoints of a slice.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct EndpointPort {
    pub name: Option<String>,
    pub protocol: Option<String>,
    pub port: Option<u16>,
}

impl EndpointSlice {
    /// The label that names the Service.
    pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

    /// The Service it belongs to.
    pub fn service(&self) -> Option<ServiceKey> {
        Some(ServiceKey {
            name: self.metadata.label(Self::SERVICE_NAME)?.to_owned(),
            namespace: self.metadata.namespace().to_owned(),
        })
    }
}

super::kind!(EndpointSlice, k8s_openapi::api::discovery::v1::EndpointSlice);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slice_names_its_service() {
        let service = |labels: serde_json::Value| {
            let metadata = json!({ "namespace": "a", "name": "b-x7", "labels": labels });
            let slice: EndpointSlice = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
            slice.service().map(|key| key.to_string())
        };
        assert_eq!(
            service(json!({ EndpointSlice::SERVICE_NAME: "b" })).as_deref(),
            Some("a/b")
        );
        assert_eq!(service(json!({})), None);
    }

    #[test]
    fn anything_may_be_null() {
        let slice: EndpointSlice =
            serde_json::from_str(r#"{"addressType":"IPv4","endpoints":null,"ports":null}"#).unwrap();
        assert!(slice.endpoints.is_empty() && slice.ports.is_empty());
    }
}
