//! Classes of volumes' attributes stay as long as a claim or a volume names them.

use std::sync::Arc;

use client::controller::Outcome;
use client::error::optional;
use client::k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use client::k8s_openapi::api::storage::v1::VolumeAttributesClass;
use client::{Client, Informer, WorkQueue, run_workers};

use super::{Step, add, remove, step};
use crate::context::{Context, ControllerError, doing};

/// The controller's name; also its service account.
pub const NAME: &str = "volumeattributesclass-protection-controller";
const FINALIZER: &str = "kubernetes.io/vac-protection";

/// Runs until the context's shutdown.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(NAME),
        classes: context.informers().of::<VolumeAttributesClass>(),
        claims: context.informers().of::<PersistentVolumeClaim>(),
        volumes: context.informers().of::<PersistentVolume>(),
    });
    let queue: WorkQueue<String> = WorkQueue::new();
    let to = queue.clone();
    controller.classes.on_change(move |change| {
        let name = change.new.as_ref().and_then(|class| class.metadata.name.clone());
        if let Some(name) = name {
            to.add(name);
        }
    });
    // What no longer names a class may have been the last to do so.
    let to = queue.clone();
    controller.claims.on_change(move |change| {
        for name in change.old.iter().flat_map(|claim| named_by_claim(claim)) {
            to.add(name.to_owned());
        }
    });
    let to = queue.clone();
    controller.volumes.on_change(move |change| {
        if let Some(name) = change.old.as_ref().and_then(|volume| named_by_volume(volume)) {
            to.add(name.to_owned());
        }
    });
    controller.classes.synced().await;
    controller.claims.synced().await;
    controller.volumes.synced().await;
    run_workers(NAME, queue, 1, context.shutdown(), move |name| {
        controller.clone().reconcile(name)
    })
    .await;
}

struct Controller {
    client: Client,
    classes: Informer<VolumeAttributesClass>,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
}

impl Controller {
    async fn reconcile(self: Arc<Self>, name: String) -> Result<Outcome, ControllerError> {
        let Some(class) = self.classes.store().get("", &name) else {
            return Ok(Outcome::Done);
        };
        let mut changed = VolumeAttributesClass::clone(&class);
        match step(&class.metadata, FINALIZER) {
            Step::Add => add(&mut changed.metadata, FINALIZER),
            Step::RemoveIfUnused if !self.is_used(&name) => remove(&mut changed.metadata, FINALIZER),
            _ => return Ok(Outcome::Done),
        }
        let result = self.client.replace(&changed).await;
        optional(result).map_err(doing("protect a class of volumes' attributes"))?;
        Ok(Outcome::Done)
    }

    fn is_used(&self, class: &str) -> bool {
        let claims = self.claims.store().list();
        let volumes = self.volumes.store().list();
        claims
            .iter()
            .any(|claim| named_by_claim(claim).any(|named| named == class))
            || volumes
                .iter()
                .any(|volume| named_by_volume(volume) == Some(class))
    }
}

/// The classes a claim has, had, or is to get.
fn named_by_claim(claim: &PersistentVolumeClaim) -> impl Iterator<Item = &str> {
    let wanted = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_attributes_class_name.as_deref());
    let status = claim.status.as_ref();
    let current = status.and_then(|status| status.current_volume_attributes_class_name.as_deref());
    let coming = status
        .and_then(|status| status.modify_volume_status.as_ref())
        .and_then(|modify| modify.target_volume_attributes_class_name.as_deref());
    [wanted, current, coming].into_iter().flatten()
}

fn named_by_volume(volume: &PersistentVolume) -> Option<&str> {
    volume.spec.as_ref()?.volume_attributes_class_name.as_deref()
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, PersistentVolumeClaimStatus};

    use super::*;

    #[test]
    fn a_claim_names_what_it_has_and_wants() {
        let claim = PersistentVolumeClaim {
            spec: Some(PersistentVolumeClaimSpec {
                volume_attributes_class_name: Some("new".to_owned()),
                ..Default::default()
            }),
            status: Some(PersistentVolumeClaimStatus {
                current_volume_attributes_class_name: Some("old".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let named: Vec<&str> = named_by_claim(&claim).collect();
        assert_eq!(named, ["new", "old"]);
        assert_eq!(named_by_claim(&PersistentVolumeClaim::default()).count(), 0);
    }
}
