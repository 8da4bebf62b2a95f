//! Objects of the API for a node without one: there are none.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, Service};
use tokio::sync::broadcast;

use crate::objects::{ObjectError, Objects, Reference};
use crate::pod::PodToRun;

pub struct NoObjects {
    /// Nothing ever changes; who listens waits for ever.
    changes: broadcast::Sender<Reference>,
}

impl Default for NoObjects {
    fn default() -> Self {
        Self {
            changes: broadcast::Sender::new(1),
        }
    }
}

fn none<T>(kind: &str, name: &str) -> Result<T, ObjectError> {
    Err(ObjectError::Failed(format!(
        "{kind} {name:?} is not there: this node belongs to no cluster"
    )))
}

#[async_trait]
impl Objects for NoObjects {
    fn follow(&self, _pod: &PodToRun) {}

    fn forget(&self, _pod_uid: &str) {}

    fn changes(&self) -> broadcast::Receiver<Reference> {
        self.changes.subscribe()
    }

    async fn config_map(&self, _namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ObjectError> {
        none("configmap", name)
    }

    async fn secret(&self, _namespace: &str, name: &str) -> Result<Arc<Secret>, ObjectError> {
        none("secret", name)
    }

    async fn services(&self, _namespace: &str) -> Result<Vec<Arc<Service>>, ObjectError> {
        Ok(Vec::new())
    }

    async fn token(
        &self,
        _namespace: &str,
        account: &str,
        _request: &TokenRequest,
    ) -> Result<TokenRequest, ObjectError> {
        none("serviceaccount", account)
    }

    async fn claim(&self, _namespace: &str, name: &str) -> Result<PersistentVolumeClaim, ObjectError> {
        none("persistentvolumeclaim", name)
    }

    async fn persistent_volume(&self, name: &str) -> Result<PersistentVolume, ObjectError> {
        none("persistentvolume", name)
    }
}
