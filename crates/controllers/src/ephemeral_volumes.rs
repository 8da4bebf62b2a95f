//! Pods with ephemeral volumes get a claim for each, which goes with them.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::PersistentVolumeClaim;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use client::lean::Pod;
use client::{Client, EventRecorder, EventType, Informer, Scope, WorkQueue, run_workers};

use crate::context::{Context, ControllerError, doing};
use crate::key::Key;
use crate::owner;
use crate::pod;
use crate::pod_control::said;

/// The controller's service account.
pub const NAME: &str = "ephemeral-volume-controller";
/// Who its events are from.
const COMPONENT: &str = "ephemeral_volume";
const WORKERS: usize = 5;

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let client = context.client(NAME);
    let controller = Arc::new(Controller {
        recorder: EventRecorder::start(client.clone(), COMPONENT, ""),
        client,
        pods: context.informers().of::<Pod>(),
        claims: context.informers().of::<PersistentVolumeClaim>(),
    });
    let queue = WorkQueue::new();
    let to = queue.clone();
    controller.pods.on_change(move |change| {
        // A pod's volumes do not change.
        if let Some(pod) = change.new.as_ref().filter(|_| change.old.is_none())
            && !claims(pod).is_empty()
        {
            to.add(Key::of(&pod.metadata));
        }
    });
    let to = queue.clone();
    controller.claims.on_change(move |change| {
        let (None, Some(claim)) = (&change.new, &change.old) else {
            return;
        };
        if let Some(owner) = owner::controller_of(&claim.metadata).filter(|owner| owner.kind == "Pod") {
            let namespace = claim.metadata.namespace.as_deref().unwrap_or("");
            to.add(Key::new(namespace, &owner.name));
        }
    });
    controller.pods.synced().await;
    controller.claims.synced().await;
    run_workers(NAME, queue, WORKERS, context.shutdown(), move |key| {
        controller.clone().reconcile(key)
    })
    .await;
}

struct Controller {
    client: Client,
    recorder: EventRecorder,
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, key: Key) -> Result<Outcome, ControllerError> {
        let pod = self.pods.store().get(&key.namespace, &key.name);
        let Some(pod) = pod.filter(|pod| !pod::is_deleting(pod)) else {
            return Ok(Outcome::Done);
        };
        for claim in claims(&pod) {
            let name = claim.metadata.name.clone().unwrap_or_default();
            match self.claims.store().get(&key.namespace, &name) {
                None => self.create(&pod, &claim).await?,
                Some(there) => belongs(&there, &pod)?,
            }
        }
        Ok(Outcome::Done)
    }

    async fn create(&self, pod: &Pod, claim: &PersistentVolumeClaim) -> Result<(), ControllerError> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or("");
        let created = self.client.create(Scope::Namespace(namespace), claim).await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.is_already_exists() => {
                let name = claim.metadata.name.as_deref().unwrap_or("");
                let there = optional(self.client.get(namespace, name).await);
                let there: Option<PersistentVolumeClaim> = there.map_err(doing("read a claim"))?;
                there.map_or(Ok(()), |there| belongs(&there, pod))
            }
            Err(error) => {
                let name = claim.metadata.name.as_deref().unwrap_or("");
                let message = format!("ephemeral volume: create PVC {name}: {}", said(&error));
                self.recorder
                    .record(pod, EventType::Warning, "FailedBinding", message);
                Err(doing("create a claim")(error))
            }
        }
    }
}

fn belongs(claim: &PersistentVolumeClaim, pod: &Pod) -> Result<(), ControllerError> {
    if owner::is_controlled_by(&claim.metadata, pod.metadata.uid.as_deref().unwrap_or("")) {
        return Ok(());
    }
    let (claim, pod) = (Key::of(&claim.metadata), Key::of(&pod.metadata));
    Err(ControllerError::Object(format!(
        "PVC {claim} was not created for pod {pod} (pod is not owner)"
    )))
}

/// The claims a pod needs for its ephemeral volumes.
fn claims(pod: &Pod) -> Vec<PersistentVolumeClaim> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or("");
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let templates = volumes.into_iter().flatten().filter_map(|volume| {
        let template = volume.ephemeral.as_ref()?.volume_claim_template.clone()?;
        Some((format!("{pod_name}-{}", volume.name), template))
    });
    templates
        .map(|(name, template)| {
            let from = template.metadata.unwrap_or_default();
            PersistentVolumeClaim {
                metadata: ObjectMeta {
                    name: Some(name),
                    namespace: pod.metadata.namespace.as_deref().map(str::to_owned),
                    labels: from.labels,
                    annotations: from.annotations,
                    owner_references: Some(vec![owner::controller_reference(pod)]),
                    ..ObjectMeta::default()
                },
                spec: Some(template.spec),
                status: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_ephemeral_volume_has_a_claim_of_the_pod() {
        let template = json!({ "metadata": { "labels": { "a": "b" } },
            "spec": { "resources": { "requests": { "storage": "1Gi" } } } });
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u" },
            "spec": { "containers": [], "volumes": [
                { "name": "x", "emptyDir": {} },
                { "name": "scratch", "ephemeral": { "volumeClaimTemplate": template } },
            ] },
        }))
        .unwrap();
        let claims = claims(&pod);
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].metadata.name.as_deref(), Some("p-scratch"));
        assert!(belongs(&claims[0], &pod).is_ok());
        assert!(belongs(&PersistentVolumeClaim::default(), &pod).is_err());
    }
}
