//! What is to be said of one pod, and what was said.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};

use super::patch::status_patch;
use crate::pod::PodToRun;
use crate::pod::annotation::{CONFIG_HASH, CONFIG_MIRROR};
use crate::status::is_own_condition;

pub struct Slot {
    pub namespace: String,
    pub name: String,
    uid: String,
    pub is_static: bool,
    /// What the mirror of a pod from a file carries.
    hash: String,
    pub status: PodStatus,
    /// The object as it was answered to the last write: newer than what an informer holds for a moment.
    pub written: Option<Arc<Pod>>,
    /// Nothing of it is left on the node.
    pub over: bool,
}

impl Slot {
    pub fn new(pod: &PodToRun) -> Self {
        Self {
            namespace: pod.namespace().to_owned(),
            name: pod.name().to_owned(),
            uid: pod.uid().to_owned(),
            is_static: pod.is_static(),
            hash: pod.annotation(CONFIG_HASH).unwrap_or_default().to_owned(),
            status: PodStatus::default(),
            written: None,
            over: false,
        }
    }

    /// Takes a status; whether it is another one.
    pub fn set(&mut self, status: PodStatus) -> bool {
        let changed = self.status != status;
        self.status = status;
        changed
    }

    /// Whether an object in the API shows this pod: it is the pod, or its mirror.
    pub fn shows_in(&self, object: &Pod) -> bool {
        let annotations = object.metadata.annotations.as_ref();
        let mirrors = annotations.and_then(|annotations| annotations.get(CONFIG_MIRROR));
        if self.is_static {
            mirrors == Some(&self.hash)
        } else {
            object.metadata.uid.as_ref() == Some(&self.uid)
        }
    }

    pub fn is_mirrored_as(&self, namespace: &str, name: &str) -> bool {
        self.is_static && self.namespace == namespace && self.name == name
    }

    /// The newest known state of the object.
    pub fn newest(&self, cached: Option<Arc<Pod>>) -> Option<Arc<Pod>> {
        let cached = cached?;
        let is_same = |written: &&Arc<Pod>| written.metadata.uid == cached.metadata.uid;
        match self.written.as_ref().filter(is_same) {
            Some(written) if version(written) > version(&cached) => Some(written.clone()),
            _ => Some(cached),
        }
    }

    /// The patch that makes an object say what it should; none if it does.
    pub fn change(&self, object: &Pod) -> Option<Value> {
        let there = object.status.clone().unwrap_or_default();
        let mut wanted = PodStatus {
            // These are others' to write.
            nominated_node_name: there.nominated_node_name.clone(),
            resource_claim_statuses: there.resource_claim_statuses.clone(),
            extended_resource_claim_status: there.extended_resource_claim_status.clone(),
            ..self.status.clone()
        };
        let own = self
            .status
            .conditions
            .iter()
            .flatten()
            .filter(|own| is_own_condition(&own.type_));
        let others = there
            .conditions
            .iter()
            .flatten()
            .filter(|other| !is_own_condition(&other.type_));
        wanted.conditions = Some(own.chain(others).cloned().collect());
        if self.is_static {
            // The generation counted is the manifest's, which has none.
            wanted.observed_generation = object.metadata.generation;
            for condition in wanted.conditions.iter_mut().flatten() {
                condition.observed_generation = object.metadata.generation;
            }
        }
        let mut change = status_patch(&there, &wanted)?;
        // Only this very object: another of the same name is another pod.
        change["metadata"] = json!({ "uid": object.metadata.uid });
        Some(change)
    }
}

/// Versions are numbers that grow (KEP-5504).
fn version(pod: &Pod) -> u64 {
    let version = pod.metadata.resource_version.as_deref();
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}
