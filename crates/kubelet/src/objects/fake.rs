//! Objects in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestStatus};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::broadcast;

use super::{ObjectError, ObjectKind, Objects, Reference};
use crate::pod::PodToRun;

pub struct FakeObjects {
    state: Mutex<State>,
    changes: broadcast::Sender<Reference>,
}

#[derive(Default)]
struct State {
    maps: BTreeMap<(String, String), Arc<ConfigMap>>,
    secrets: BTreeMap<(String, String), Arc<Secret>>,
    services: Vec<Arc<Service>>,
    claims: BTreeMap<(String, String), PersistentVolumeClaim>,
    volumes: BTreeMap<String, PersistentVolume>,
    tokens: u32,
    followed: Vec<String>,
}

impl Default for FakeObjects {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changes: broadcast::Sender::new(16),
        }
    }
}

fn key(metadata: &ObjectMeta) -> (String, String) {
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

impl FakeObjects {
    /// Puts an object in, by its kind, and tells of it.
    pub fn put(&self, object: Value) {
        let mut state = self.state.lock();
        let kind = match object["kind"].as_str().unwrap() {
            "ConfigMap" => {
                let map: ConfigMap = serde_json::from_value(object.clone()).unwrap();
                state.maps.insert(key(&map.metadata), Arc::new(map));
                Some(ObjectKind::ConfigMap)
            }
            "Secret" => {
                let secret: Secret = serde_json::from_value(object.clone()).unwrap();
                state.secrets.insert(key(&secret.metadata), Arc::new(secret));
                Some(ObjectKind::Secret)
            }
            "Service" => {
                let service = serde_json::from_value(object.clone()).unwrap();
                state.services.push(Arc::new(service));
                None
            }
            "PersistentVolumeClaim" => {
                let claim: PersistentVolumeClaim = serde_json::from_value(object.clone()).unwrap();
                state.claims.insert(key(&claim.metadata), claim);
                None
            }
            "PersistentVolume" => {
                let volume: PersistentVolume = serde_json::from_value(object.clone()).unwrap();
                state.volumes.insert(key(&volume.metadata).1, volume);
                None
            }
            other => panic!("{other} is not known here"),
        };
        drop(state);
        if let Some(kind) = kind {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let _ = self.changes.send(Reference {
                kind,
                namespace: text("namespace"),
                name: text("name"),
            });
        }
    }

    /// How many tokens were asked for.
    pub fn tokens(&self) -> u32 {
        self.state.lock().tokens
    }

    /// The pods that are followed.
    pub fn followed(&self) -> Vec<String> {
        self.state.lock().followed.clone()
    }
}

#[async_trait]
impl Objects for FakeObjects {
    fn follow(&self, pod: &PodToRun) {
        let mut state = self.state.lock();
        state.followed.retain(|uid| uid != pod.uid());
        state.followed.push(pod.uid().to_owned());
    }

    fn forget(&self, pod_uid: &str) {
        self.state.lock().followed.retain(|uid| uid != pod_uid);
    }

    fn changes(&self) -> broadcast::Receiver<Reference> {
        self.changes.subscribe()
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ObjectError> {
        let key = (namespace.to_owned(), name.to_owned());
        let found = self.state.lock().maps.get(&key).cloned();
        found.ok_or_else(|| ObjectError::not_found(ObjectKind::ConfigMap, name))
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ObjectError> {
        let key = (namespace.to_owned(), name.to_owned());
        let found = self.state.lock().secrets.get(&key).cloned();
        found.ok_or_else(|| ObjectError::not_found(ObjectKind::Secret, name))
    }

    async fn services(&self, namespace: &str) -> Result<Vec<Arc<Service>>, ObjectError> {
        let state = self.state.lock();
        let here = |service: &&Arc<Service>| service.metadata.namespace.as_deref() == Some(namespace);
        Ok(state.services.iter().filter(here).cloned().collect())
    }

    async fn token(
        &self,
        namespace: &str,
        account: &str,
        request: &TokenRequest,
    ) -> Result<TokenRequest, ObjectError> {
        let mut state = self.state.lock();
        state.tokens += 1;
        let spec = request.spec.clone().unwrap_or_default();
        let seconds = spec.expiration_seconds.unwrap_or(3600);
        let audiences = spec.audiences.unwrap_or_default().join(",");
        Ok(TokenRequest {
            status: Some(TokenRequestStatus {
                token: Some(format!("{namespace}/{account}/{audiences}/{}", state.tokens)),
                expiration_timestamp: Some(Time(Timestamp::now() + SignedDuration::from_secs(seconds))),
            }),
            ..request.clone()
        })
    }

    async fn claim(&self, namespace: &str, name: &str) -> Result<PersistentVolumeClaim, ObjectError> {
        let key = (namespace.to_owned(), name.to_owned());
        let found = self.state.lock().claims.get(&key).cloned();
        found.ok_or_else(|| ObjectError::not_found("persistentvolumeclaims", name))
    }

    async fn persistent_volume(&self, name: &str) -> Result<PersistentVolume, ObjectError> {
        let found = self.state.lock().volumes.get(name).cloned();
        found.ok_or_else(|| ObjectError::not_found("persistentvolumes", name))
    }
}
