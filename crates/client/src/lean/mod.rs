//! Objects as components hold them: with what they read, and nothing else.
//!
//! There are many pods, and a whole typed one is four times as large as its JSON. These types are decoded straight from the
//! JSON, what they do not know is skipped, and what is the same in many objects (the containers of a set's pods, their labels,
//! their owner) is held once ([`Shared`]).
//!
//! Such an object cannot be written back: whoever changes one sends a patch.

mod endpoint_slice;
mod labels;
mod metadata;
mod pod;
mod service;
mod shared;

use serde::{Deserialize, Deserializer};

pub use endpoint_slice::{Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, Hint};
pub use labels::Labels;
pub use metadata::Metadata;
pub use pod::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodSpec,
    PodStatus, PodTemplate, Volume,
};
pub use service::{
    ClientIpConfig, LoadBalancerIngress, LoadBalancerStatus, Service, ServiceKey, ServicePort, ServiceSpec,
    ServiceStatus, SessionAffinityConfig,
};
pub use shared::Shared;

/// A list without anything is null in some places, and a client may write null anywhere: one strange object must not keep
/// the others from being read.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A lean form is of the same kind as the whole one.
macro_rules! kind {
    ($lean:ty, $whole:ty) => {
        impl k8s_openapi::Resource for $lean {
            const API_VERSION: &'static str = <$whole as k8s_openapi::Resource>::API_VERSION;
            const GROUP: &'static str = <$whole as k8s_openapi::Resource>::GROUP;
            const KIND: &'static str = <$whole as k8s_openapi::Resource>::KIND;
            const VERSION: &'static str = <$whole as k8s_openapi::Resource>::VERSION;
            const URL_PATH_SEGMENT: &'static str = <$whole as k8s_openapi::Resource>::URL_PATH_SEGMENT;
            type Scope = <$whole as k8s_openapi::Resource>::Scope;
        }

        impl k8s_openapi::Metadata for $lean {
            type Ty = $crate::lean::Metadata;

            fn metadata(&self) -> &Self::Ty {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut Self::Ty {
                &mut self.metadata
            }
        }
    };
}
use kind;
