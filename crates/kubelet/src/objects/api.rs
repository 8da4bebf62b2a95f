//! Objects from an API server: one watch per object that a pod here names, and one of all Services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use client::{Change, Client, Error, Informer, ListOptions, Scope};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::followed::Followed;
use super::{ObjectError, ObjectKind, Objects, Reference, references};
use crate::pod::PodToRun;

/// How long a read waits for the first answer about an object.
const SYNC_TIMEOUT: Duration = Duration::from_secs(2);

/// Changes that wait for a slow reader.
const CHANGE_BUFFER: usize = 256;

/// Objects of an API server.
pub struct ApiObjects {
    client: Client,
    services: Informer<Service>,
    state: Mutex<State>,
    changes: broadcast::Sender<Reference>,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct State {
    followed: Followed,
    copies: BTreeMap<Reference, Copy>,
}

/// The current copy of one object; dropping it ends its watch.
struct Copy {
    informer: AnyInformer,
    _watch: DropGuard,
}

#[derive(Clone)]
enum AnyInformer {
    ConfigMap(Informer<ConfigMap>),
    Secret(Informer<Secret>),
}

impl ApiObjects {
    /// Follows Services from now on, and other objects as pods need them, until the token fires.
    pub fn start(client: Client, shutdown: CancellationToken) -> Self {
        let services = Informer::start(client.clone(), "", ListOptions::default(), shutdown.clone());
        Self {
            client,
            services,
            state: Mutex::default(),
            changes: broadcast::Sender::new(CHANGE_BUFFER),
            shutdown,
        }
    }

    fn watch(&self, reference: &Reference) -> Copy {
        let stop = self.shutdown.child_token();
        let options = ListOptions::fields(format!("metadata.name={}", reference.name));
        let informer = match reference.kind {
            ObjectKind::ConfigMap => AnyInformer::ConfigMap(self.informer(reference, options, &stop)),
            ObjectKind::Secret => AnyInformer::Secret(self.informer(reference, options, &stop)),
        };
        Copy {
            informer,
            _watch: stop.drop_guard(),
        }
    }

    fn informer<K: client::Kind>(
        &self,
        reference: &Reference,
        options: ListOptions,
        stop: &CancellationToken,
    ) -> Informer<K> {
        let informer = Informer::start(self.client.clone(), &reference.namespace, options, stop.clone());
        let (changes, reference) = (self.changes.clone(), reference.clone());
        informer.on_change(move |_: &Change<K>| {
            // Without a reader nobody needs to know.
            let _ = changes.send(reference.clone());
        });
        informer
    }

    fn copy(&self, kind: ObjectKind, namespace: &str, name: &str) -> Option<AnyInformer> {
        let reference = Reference {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let state = self.state.lock();
        state.copies.get(&reference).map(|copy| copy.informer.clone())
    }
}

/// Reads an object from its copy, or from the server if there is none.
async fn read<K: client::Kind>(
    client: &Client,
    copy: Option<Informer<K>>,
    kind: ObjectKind,
    namespace: &str,
    name: &str,
) -> Result<Arc<K>, ObjectError> {
    let Some(informer) = copy else {
        let object = client.get::<K>(Scope::Namespace(namespace), name).await;
        return object.map(Arc::new).map_err(|e| failed(&e, kind, name));
    };
    if timeout(SYNC_TIMEOUT, informer.synced()).await.is_err() {
        return Err(ObjectError::NotSynced {
            kind: kind.to_string(),
        });
    }
    let object = informer.store().get(namespace, name);
    object.ok_or_else(|| ObjectError::not_found(kind, name))
}

fn failed(error: &Error, kind: impl std::fmt::Display, name: &str) -> ObjectError {
    if error.is_not_found() {
        return ObjectError::not_found(kind, name);
    }
    ObjectError::Failed(error.status().map_or_else(
        || client::controller::Chain(error).to_string(),
        |status| status.message.clone(),
    ))
}

#[async_trait]
impl Objects for ApiObjects {
    fn follow(&self, pod: &PodToRun) {
        let mut state = self.state.lock();
        let turn = state.followed.set(pod.uid(), references(pod));
        for reference in &turn.end {
            state.copies.remove(reference);
        }
        for reference in turn.begin {
            let copy = self.watch(&reference);
            state.copies.insert(reference, copy);
        }
    }

    fn forget(&self, pod_uid: &str) {
        let mut state = self.state.lock();
        let turn = state.followed.set(pod_uid, std::collections::BTreeSet::new());
        for reference in &turn.end {
            state.copies.remove(reference);
        }
    }

    fn changes(&self) -> broadcast::Receiver<Reference> {
        self.changes.subscribe()
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Arc<ConfigMap>, ObjectError> {
        let copy = match self.copy(ObjectKind::ConfigMap, namespace, name) {
            Some(AnyInformer::ConfigMap(informer)) => Some(informer),
            _ => None,
        };
        read(&self.client, copy, ObjectKind::ConfigMap, namespace, name).await
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Arc<Secret>, ObjectError> {
        let copy = match self.copy(ObjectKind::Secret, namespace, name) {
            Some(AnyInformer::Secret(informer)) => Some(informer),
            _ => None,
        };
        read(&self.client, copy, ObjectKind::Secret, namespace, name).await
    }

    async fn services(&self, namespace: &str) -> Result<Vec<Arc<Service>>, ObjectError> {
        if timeout(SYNC_TIMEOUT, self.services.synced()).await.is_err() {
            return Err(ObjectError::ServicesNotRead);
        }
        Ok(self.services.store().in_namespace(namespace))
    }

    async fn token(
        &self,
        namespace: &str,
        account: &str,
        request: &TokenRequest,
    ) -> Result<TokenRequest, ObjectError> {
        let scope = Scope::Namespace(namespace);
        let answer = self
            .client
            .act::<ServiceAccount, _, _>(scope, account, "token", request)
            .await;
        answer.map_err(|error| failed(&error, "serviceaccounts", account))
    }

    async fn claim(&self, namespace: &str, name: &str) -> Result<PersistentVolumeClaim, ObjectError> {
        let claim = self.client.get(Scope::Namespace(namespace), name).await;
        claim.map_err(|error| failed(&error, "persistentvolumeclaims", name))
    }

    async fn persistent_volume(&self, name: &str) -> Result<PersistentVolume, ObjectError> {
        let volume = self.client.get(Scope::Cluster, name).await;
        volume.map_err(|error| failed(&error, "persistentvolumes", name))
    }
}
