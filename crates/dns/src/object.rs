//! The objects DNS follows, with just the fields it reads.

use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::Deserialize;

/// The label of an EndpointSlice that names its Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    #[serde(deserialize_with = "lean_metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) spec: ServiceSpec,
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
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) external_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<ServicePort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServicePort {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) protocol: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) port: u16,
}

/// A part of the endpoints of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EndpointSlice {
    #[serde(deserialize_with = "lean_metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<EndpointPort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Endpoint {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) addresses: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) conditions: EndpointConditions,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) hostname: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndpointConditions {
    pub(crate) ready: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndpointPort {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) port: Option<u16>,
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
    ($type:ty, $group:literal, $api_version:literal, $kind:literal, $plural:literal) => {
        impl Resource for $type {
            const API_VERSION: &'static str = $api_version;
            const GROUP: &'static str = $group;
            const KIND: &'static str = $kind;
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = NamespaceResourceScope;
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
kind!(Service, "", "v1", "Service", "services");
kind!(
    EndpointSlice,
    "discovery.k8s.io",
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "endpointslices"
);

/// A Service's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServiceKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ServiceKey {
    pub(crate) fn of_service(service: &Service) -> Self {
        Self::new(&service.metadata, service.metadata.name.as_deref().unwrap_or(""))
    }

    /// The Service a slice belongs to.
    pub(crate) fn of_slice(slice: &EndpointSlice) -> Option<Self> {
        let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
        Some(Self::new(&slice.metadata, name))
    }

    fn new(metadata: &ObjectMeta, name: &str) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: name.to_owned(),
        }
    }
}
