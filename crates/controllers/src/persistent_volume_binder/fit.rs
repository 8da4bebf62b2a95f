//! Which volume a claim can have.

use std::sync::Arc;

use client::k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use meta::Quantity;

use crate::owner;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The class a claim asks for; none for no class.
pub(super) fn class_of(claim: &PersistentVolumeClaim) -> Option<&str> {
    let annotation = claim.metadata.annotations.as_ref().and_then(|all| all.get(CLASS));
    let class = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_ref());
    annotation
        .or(class)
        .map(String::as_str)
        .filter(|class| !class.is_empty())
}

fn class_of_volume(volume: &PersistentVolume) -> Option<&str> {
    let annotation = volume
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(CLASS));
    let class = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_ref());
    annotation
        .or(class)
        .map(String::as_str)
        .filter(|class| !class.is_empty())
}

pub(super) fn claim_of(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

/// Whether a volume is, or may be said to be, this very claim's.
pub(super) fn is_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    claim_of(volume).is_some_and(|reference| {
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && reference
                .uid
                .as_ref()
                .is_none_or(|uid| uid.is_empty() || Some(uid) == claim.metadata.uid.as_ref())
    })
}

fn capacity(volume: &PersistentVolume) -> Quantity {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref());
    capacity
        .and_then(|capacity| capacity.get("storage"))
        .and_then(|text| text.0.parse().ok())
        .unwrap_or_default()
}

fn asked(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    resources
        .and_then(|resources| resources.requests.as_ref())
        .and_then(|requests| requests.get("storage"))
        .and_then(|text| text.0.parse().ok())
        .unwrap_or_default()
}

/// Why a volume is not what the claim asks for, in upstream's words; none if it is.
pub(super) fn mismatch(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<&'static str> {
    let mode = |mode: Option<&String>| mode.cloned().unwrap_or_else(|| String::from("Filesystem"));
    let volume_spec = volume.spec.as_ref();
    let claim_spec = claim.spec.as_ref();
    let modes = volume_spec
        .and_then(|spec| spec.access_modes.clone())
        .unwrap_or_default();
    let wanted = claim_spec
        .and_then(|spec| spec.access_modes.clone())
        .unwrap_or_default();
    if asked(claim) > capacity(volume) {
        return Some("requested PV is too small");
    }
    if class_of(claim) != class_of_volume(volume) {
        return Some("storageClassName does not match");
    }
    if mode(volume_spec.and_then(|spec| spec.volume_mode.as_ref()))
        != mode(claim_spec.and_then(|spec| spec.volume_mode.as_ref()))
    {
        return Some("incompatible volumeMode");
    }
    if !wanted.iter().all(|mode| modes.contains(mode)) {
        return Some("incompatible accessMode");
    }
    None
}

/// The volume a claim is given: one that was made for it, or the smallest that is free and fits.
pub(super) fn best(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
) -> Option<Arc<PersistentVolume>> {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let fits = |volume: &&Arc<PersistentVolume>| {
        volume.metadata.deletion_timestamp.is_none() && mismatch(volume, claim).is_none()
    };
    let candidates: Vec<_> = volumes.iter().filter(fits).collect();
    if let Some(made_for_it) = candidates.iter().find(|volume| is_for(volume, claim)) {
        return Some(Arc::clone(made_for_it));
    }
    candidates
        .into_iter()
        .filter(|volume| claim_of(volume).is_none())
        .filter(|volume| {
            let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Available")
        })
        .filter(|volume| selector.is_none_or(|selector| owner::matches(selector, &volume.metadata)))
        .min_by(|a, b| {
            capacity(a)
                .cmp(&capacity(b))
                .then_with(|| a.metadata.name.cmp(&b.metadata.name))
        })
        .cloned()
}

#[cfg(test)]
pub(super) mod testing {
    use serde_json::{Value, json};

    use super::*;

    pub(in super::super) fn volume(name: &str, size: &str, claim: Value) -> Arc<PersistentVolume> {
        let volume = json!({
            "metadata": { "name": name },
            "spec": { "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"], "claimRef": claim },
            "status": { "phase": "Available" },
        });
        Arc::new(serde_json::from_value(volume).unwrap())
    }

    pub(in super::super) fn claim(spec: Value) -> PersistentVolumeClaim {
        let mut whole =
            json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "2Gi" } } });
        whole
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "metadata": { "name": "c", "namespace": "n", "uid": "u" }, "spec": whole,
        }))
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::testing::{claim, volume};
    use super::*;

    fn check(spec: Value, volumes: &[Arc<PersistentVolume>], expected: Option<&str>) {
        let text = spec.to_string();
        let best = best(&claim(spec), volumes);
        let name = best.as_ref().and_then(|volume| volume.metadata.name.as_deref());
        assert_eq!(name, expected, "{text}");
    }

    #[test]
    fn the_smallest_that_fits_is_taken() {
        let free = [
            volume("large", "10Gi", Value::Null),
            volume("fits", "2Gi", Value::Null),
            volume("small", "1Gi", Value::Null),
        ];
        check(json!({}), &free, Some("fits"));
        check(json!({ "accessModes": ["ReadWriteMany"] }), &free, None);
        check(json!({ "storageClassName": "gold" }), &free, None);
        check(json!({ "storageClassName": "" }), &free, Some("fits"));
        check(json!({ "volumeMode": "Block" }), &free, None);
        check(
            json!({ "selector": { "matchLabels": { "a": "b" } } }),
            &free,
            None,
        );
    }

    #[test]
    fn one_that_was_made_for_the_claim_goes_first_and_another_ones_is_left() {
        let ours = json!({ "name": "c", "namespace": "n" });
        let others = json!({ "name": "d", "namespace": "n" });
        let volumes = [
            volume("free", "2Gi", Value::Null),
            volume("ours", "5Gi", ours),
            volume("others", "2Gi", others.clone()),
        ];
        check(json!({}), &volumes, Some("ours"));
        check(json!({}), &[volume("others", "2Gi", others)], None);
    }
}
