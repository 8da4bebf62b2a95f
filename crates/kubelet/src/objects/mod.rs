//! The objects of the API that pods name: ConfigMaps, Secrets, Services, tokens, volumes.

mod api;
#[cfg(test)]
mod api_tests;
#[cfg(test)]
pub mod fake;
mod followed;
mod references;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, Service};
use tokio::sync::broadcast;

use crate::pod::PodToRun;

pub use api::ApiObjects;
pub use references::{Reference, references};

/// A kind of object a pod takes content from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    ConfigMap,
    Secret,
}

impl fmt::Display for ObjectKind {
    /// As upstream's messages have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        })
    }
}

/// Why an object could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    #[error("{kind} {name:?} not found")]
    NotFound { kind: String, name: String },
    /// The server has not answered yet.
    #[error("failed to sync {kind} cache: timed out waiting for the condition")]
    NotSynced { kind: String },
    #[error("services have not yet been read at least once, cannot construct envvars")]
    ServicesNotRead,
    #[error("{0}")]
    Failed(String),
}

impl ObjectError {
    pub fn not_found(kind: impl fmt::Display, name: &str) -> Self {
        Self::NotFound {
            kind: kind.to_string(),
            name: name.to_owned(),
        }
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// What the parts of the kubelet that make containers read from the API.
///
/// - What pods that are followed name is kept current and answered from memory; everything else is asked for.
/// - A pod is followed from when it is first worked on until it is forgotten. Both are idempotent, and following again
///   takes in what a changed specification names.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Keeps current what this pod names.
    fn follow(&self, pod: &PodToRun);
    /// Ends what [`Objects::follow`] began.
    fn forget(&self, pod_uid: &str);
    /// What changed, from now on. A reader that lags behind must take it that everything has changed.
    fn changes(&self) -> broadcast::Receiver<Reference>;

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ObjectError>;
    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ObjectError>;
    /// The Services of a namespace.
    async fn services(&self, namespace: &str) -> Result<Vec<Arc<Service>>, ObjectError>;
    /// A token of a service account.
    async fn token(
        &self,
        namespace: &str,
        account: &str,
        request: &TokenRequest,
    ) -> Result<TokenRequest, ObjectError>;
    async fn claim(&self, namespace: &str, name: &str) -> Result<PersistentVolumeClaim, ObjectError>;
    async fn persistent_volume(&self, name: &str) -> Result<PersistentVolume, ObjectError>;
}
