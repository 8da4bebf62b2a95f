//! Follows claims and volumes, and binds those that were chosen with a node.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use client::k8s_openapi::api::storage::v1::{CSINode, CSINodeDriver, StorageClass};
use client::recorder::reference;
use client::{Client, Error, Informer, Informers, Patch, PatchOptions, Scope};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;

use super::fit::claim_of;
use super::{
    BOUND_BY_CONTROLLER, ClaimName, CsiVolume, SELECTED_NODE, Step, VolumeFacts, VolumeSource, claims_of,
    is_bound,
};
use crate::pod::PodInfo;

/// After this long a volume that was chosen and is not there is chosen anew.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why a pod's claims did not get their volumes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("give a claim its volume")]
    Write(#[source] Error),
    #[error("the claims were not bound in time")]
    Late,
}

/// Claims and volumes, kept current.
pub(crate) struct VolumeBinder {
    client: Client,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    csi_nodes: Informer<CSINode>,
    /// The UIDs of the claims that volumes were given to, by the volumes' names, until the informer shows it.
    given: Mutex<HashMap<String, String>>,
    /// Counts changes.
    changed: watch::Sender<u64>,
}

impl VolumeBinder {
    pub(crate) fn new(client: Client, informers: &Informers) -> Arc<Self> {
        Arc::new(Self {
            client,
            claims: informers.of(),
            volumes: informers.of(),
            classes: informers.of(),
            csi_nodes: informers.of(),
            given: Mutex::default(),
            changed: watch::Sender::default(),
        })
    }

    /// Calls `on_change` for whatever may help a pod that waits for volumes.
    pub(crate) fn follow(self: &Arc<Self>, on_change: impl Fn() + Clone + Send + 'static) {
        let (binder, tell) = (self.clone(), on_change.clone());
        self.claims.on_change(move |_| {
            binder.changed.send_modify(|count| *count += 1);
            tell();
        });
        let (binder, tell) = (self.clone(), on_change.clone());
        self.volumes.on_change(move |change| {
            let settled = change
                .new
                .as_ref()
                .is_none_or(|volume| claim_of(volume).is_some());
            let name = change.object().and_then(|volume| volume.metadata.name.clone());
            if let Some(name) = name.filter(|_| settled) {
                binder.given.lock().remove(&name);
            }
            tell();
        });
        let tell = on_change.clone();
        self.csi_nodes.on_change(move |_| tell());
        self.classes.on_change(move |_| on_change());
    }

    pub(crate) async fn synced(&self) {
        self.claims.synced().await;
        self.volumes.synced().await;
        self.classes.synced().await;
        self.csi_nodes.synced().await;
    }

    /// Keeps others from choosing the volumes of these steps.
    pub(crate) fn reserve(&self, steps: &[Step]) {
        for step in steps {
            if let Step::Bind(claim, volume) = step {
                let uid = claim.metadata.uid.clone().unwrap_or_default();
                self.given
                    .lock()
                    .insert(volume.metadata.name.clone().unwrap_or_default(), uid);
            }
        }
    }

    /// Does the steps, and waits until the pod's claims are bound.
    pub(crate) async fn bind(&self, pod: &PodInfo, node: &str, steps: &[Step]) -> Result<(), BindError> {
        let bound = self.bind_all(pod, node, steps).await;
        if bound.is_err() {
            for step in steps {
                if let Step::Bind(_, volume) = step {
                    self.given
                        .lock()
                        .remove(volume.metadata.name.as_deref().unwrap_or(""));
                }
            }
        }
        bound
    }

    async fn bind_all(&self, pod: &PodInfo, node: &str, steps: &[Step]) -> Result<(), BindError> {
        if steps.is_empty() {
            return Ok(());
        }
        let mut changes = self.changed.subscribe();
        for step in steps {
            self.write(node, step).await.map_err(BindError::Write)?;
        }
        let bound = async {
            while !self.all_bound(pod) {
                // The sender lives as long as this does.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, bound)
            .await
            .map_err(|_| BindError::Late)
    }

    async fn write(&self, node: &str, step: &Step) -> Result<(), Error> {
        let options = PatchOptions::default();
        match step {
            Step::Bind(claim, volume) => {
                let patch = json!({
                    "metadata": {
                        // Nobody else may have given it away meanwhile.
                        "resourceVersion": volume.metadata.resource_version,
                        "annotations": { BOUND_BY_CONTROLLER: "yes" },
                    },
                    "spec": { "claimRef": reference(&**claim) },
                });
                let name = volume.metadata.name.as_deref().unwrap_or("");
                let patch = Patch::Merge(&patch);
                self.client
                    .patch::<PersistentVolume>(Scope::Cluster, name, patch, &options)
                    .await?;
            }
            Step::Provide(claim) => {
                let patch = json!({ "metadata": { "annotations": { SELECTED_NODE: node } } });
                let metadata = &claim.metadata;
                let scope = Scope::Namespace(metadata.namespace.as_deref().unwrap_or(""));
                let name = metadata.name.as_deref().unwrap_or("");
                self.client
                    .patch::<PersistentVolumeClaim>(scope, name, Patch::Merge(&patch), &options)
                    .await?;
            }
        }
        Ok(())
    }

    fn all_bound(&self, pod: &PodInfo) -> bool {
        claims_of(pod).all(|claim| self.claim(pod, &claim).is_some_and(|claim| is_bound(&claim)))
    }

    fn claim(&self, pod: &PodInfo, claim: &ClaimName) -> Option<Arc<PersistentVolumeClaim>> {
        self.claims.store().get(pod.namespace(), &claim.name)
    }
}

impl VolumeSource for VolumeBinder {
    fn look(&self, pod: &PodInfo) -> VolumeFacts {
        let claims: BTreeMap<_, _> = claims_of(pod)
            .filter_map(|claim| Some((claim.name.clone(), self.claim(pod, &claim)?)))
            .collect();
        let mine = |uid: &String| {
            claims
                .values()
                .any(|claim| claim.metadata.uid.as_ref() == Some(uid))
        };
        let given = self.given.lock();
        let others = given.iter().filter(|(_, uid)| !mine(uid));
        VolumeFacts {
            taken: others.map(|(volume, _)| volume.clone()).collect(),
            volumes: self.volumes.store().list(),
            classes: self.classes.store().list(),
            claims,
        }
    }

    fn csi_volume(&self, namespace: &str, claim: &str) -> Option<CsiVolume> {
        let claim = self.claims.store().get(namespace, claim)?;
        let volume = self
            .volumes
            .store()
            .get("", claim.spec.as_ref()?.volume_name.as_deref()?)?;
        let csi = volume.spec.as_ref()?.csi.as_ref()?;
        Some(CsiVolume {
            driver: csi.driver.clone(),
            handle: csi.volume_handle.clone(),
        })
    }

    fn csi_limits(&self, node: &str) -> BTreeMap<String, usize> {
        let Some(node) = self.csi_nodes.store().get("", node) else {
            return BTreeMap::new();
        };
        let limit = |driver: &CSINodeDriver| {
            let count = driver.allocatable.as_ref()?.count?;
            Some((driver.name.clone(), usize::try_from(count).unwrap_or(0)))
        };
        node.spec.drivers.iter().filter_map(limit).collect()
    }
}
