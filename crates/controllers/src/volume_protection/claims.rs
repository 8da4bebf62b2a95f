//! Claims that a pod on a node uses stay.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::PersistentVolumeClaim;
use client::lean::Pod;
use client::{Client, Informer, ListOptions, Scope, WorkQueue, run_workers};

use super::{Step, add, remove, step};
use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;
use crate::pod;

/// The controller's name; also its service account.
pub const NAME: &str = "pvc-protection-controller";
const FINALIZER: &str = "kubernetes.io/pvc-protection";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        claims: context.informers().of::<PersistentVolumeClaim>(),
        pods: context.informers().of::<Pod>(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.claims.on_change(move |change| {
        if let Some(claim) = &change.new {
            to.add(Key::of(&claim.metadata));
        }
    });
    let to = queue.clone();
    controller.pods.on_change(move |change| {
        // A claim may be let go when a pod that used it is gone or has ended.
        let ended = change.new.as_ref().is_none_or(|pod| pod::is_finished(pod));
        if let Some(pod) = change.object().filter(|_| ended) {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
            claims_of(pod).for_each(|claim| to.add(Key::new(namespace, claim)));
        }
    });
    controller.claims.synced().await;
    controller.pods.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    claims: Informer<PersistentVolumeClaim>,
    pods: Informer<Pod>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let Some(claim) = self.claims.store().get(&key.namespace, &key.name) else {
            return Ok(Outcome::Done);
        };
        let mut changed = PersistentVolumeClaim::clone(&claim);
        match step(&claim.metadata, FINALIZER) {
            Step::Nothing => return Ok(Outcome::Done),
            Step::Add => add(&mut changed.metadata, FINALIZER),
            Step::RemoveIfUnused if self.is_used(&claim).await? => return Ok(Outcome::Done),
            Step::RemoveIfUnused => remove(&mut changed.metadata, FINALIZER),
        }
        let result = self.client.replace(&changed).await;
        optional(result).map_err(doing("protect a claim"))?;
        Ok(Outcome::Done)
    }

    /// By what is at hand, and if that says no, by what the server says.
    async fn is_used(&self, claim: &PersistentVolumeClaim) -> Result<bool, ControllerError> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or("");
        let known = self.pods.store().in_namespace(namespace);
        if known.iter().any(|pod| uses(pod, claim)) {
            return Ok(true);
        }
        let scope = Scope::Namespace(namespace);
        let live = self.client.list::<Pod>(scope, &ListOptions::default()).await;
        let live = live.map_err(doing("look for pods that use a claim"))?;
        Ok(live.items.iter().any(|pod| uses(pod, claim)))
    }
}

/// The names of the claims a pod mounts; those of ephemeral volumes are made for it.
fn claims_of(pod: &Pod) -> impl Iterator<Item = String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let pod_name = pod.metadata.name.as_deref().unwrap_or("");
    volumes.into_iter().flatten().filter_map(move |volume| {
        if let Some(claim) = &volume.persistent_volume_claim {
            return Some(claim.claim_name.clone());
        }
        volume
            .ephemeral
            .as_ref()
            .map(|_| format!("{pod_name}-{}", volume.name))
    })
}

/// Whether the pod is on a node, has not ended, and mounts the claim.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let name = claim.metadata.name.as_deref().unwrap_or("");
    let ephemeral = format!("{}-", pod.metadata.name.as_deref().unwrap_or(""));
    // A claim of another that is named like that of an ephemeral volume is not it.
    let owned = || owner::is_controlled_by(&claim.metadata, pod.metadata.uid.as_deref().unwrap_or(""));
    let named_directly = || {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
        volumes.into_iter().flatten().any(|volume| {
            volume
                .persistent_volume_claim
                .as_ref()
                .is_some_and(|source| source.claim_name == name)
        })
    };
    !pod::node(pod).is_empty()
        && !pod::is_finished(pod)
        && claims_of(pod).any(|claim| claim == name)
        && (named_directly() || (name.starts_with(&ephemeral) && owned()))
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
    use serde_json::{Value, json};

    use super::*;

    fn check(node: &str, phase: &str, volume: Value, controller: &str, expected: bool) {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "uid": "p" },
            "spec": { "nodeName": node, "containers": [], "volumes": [volume] },
            "status": { "phase": phase },
        }))
        .unwrap();
        let claim = PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some("p-data".into()),
                owner_references: Some(vec![OwnerReference {
                    uid: controller.into(),
                    controller: Some(true),
                    ..OwnerReference::default()
                }]),
                ..ObjectMeta::default()
            },
            ..PersistentVolumeClaim::default()
        };
        assert_eq!(uses(&pod, &claim), expected, "{node} {phase} {pod:?}");
    }

    #[test]
    fn pods_on_nodes_use_what_they_mount() {
        let named = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "p-data" } });
        check("m", "Running", named.clone(), "", true);
        check("", "Pending", named.clone(), "", false);
        check("m", "Succeeded", named, "", false);
        let ephemeral = json!({ "name": "data", "ephemeral": {} });
        check("m", "Running", ephemeral.clone(), "p", true);
        check("m", "Running", ephemeral, "other", false);
        check(
            "m",
            "Running",
            json!({ "name": "data", "emptyDir": {} }),
            "p",
            false,
        );
    }
}
