//! What a volume calls for.

use client::k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::fit::claim_of;
use super::{BOUND_BY_CONTROLLER, has_annotation};

/// What is to be written.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) volume: Option<PersistentVolume>,
    pub(super) phase: &'static str,
}

impl Plan {
    fn phase(phase: &'static str) -> Self {
        Self { volume: None, phase }
    }
}

/// Decides; `claim` is the one of the name that the volume refers to.
///
/// A volume that is released is its provisioner's to delete, if it is to be deleted: there are no volumes that the cluster
/// itself could delete.
pub(super) fn make(volume: &PersistentVolume, claim: Option<&PersistentVolumeClaim>) -> Plan {
    let reference = claim_of(volume);
    let known = reference
        .and_then(|reference| reference.uid.as_deref())
        .filter(|uid| !uid.is_empty());
    // Free, or meant for a claim that has not come yet.
    let Some(uid) = known else {
        return Plan::phase("Available");
    };
    let Some(claim) = claim.filter(|claim| claim.metadata.uid.as_deref() == Some(uid)) else {
        let failed = volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
        return Plan::phase(if failed { "Failed" } else { "Released" });
    };
    let named = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    match named.filter(|name| !name.is_empty()) {
        // The claim's own pass goes on with it.
        None => Plan::phase("Available"),
        Some(name) if volume.metadata.name.as_deref() == Some(name) => Plan::phase("Bound"),
        Some(_) => unbind(volume),
    }
}

/// The claim took another volume. What a controller wrote goes; what a person wrote stays.
fn unbind(volume: &PersistentVolume) -> Plan {
    let mut freed = volume.clone();
    let spec = freed.spec.get_or_insert_default();
    if has_annotation(volume.metadata.annotations.as_ref(), BOUND_BY_CONTROLLER) {
        spec.claim_ref = None;
        if let Some(annotations) = &mut freed.metadata.annotations {
            annotations.remove(BOUND_BY_CONTROLLER);
        }
    } else if let Some(reference) = &mut spec.claim_ref {
        reference.uid = None;
    }
    Plan {
        volume: Some(freed),
        phase: "Available",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fit::testing::{claim, volume};
    use super::*;

    fn check(reference: Value, bound_to: Option<&str>, phase: &str, freed: bool) {
        let text = format!("{reference} {bound_to:?}");
        let volume = volume("v", "5Gi", reference);
        let claim = bound_to.map(|name| claim(json!({ "volumeName": name })));
        let plan = make(&volume, claim.as_ref());
        assert_eq!((plan.phase, plan.volume.is_some()), (phase, freed), "{text}");
    }

    #[test]
    fn phases_follow_the_claim() {
        let known = |uid: &str| json!({ "name": "c", "namespace": "n", "uid": uid });
        check(Value::Null, None, "Available", false);
        check(json!({ "name": "c", "namespace": "n" }), None, "Available", false);
        check(known("u"), Some("v"), "Bound", false);
        check(known("u"), Some(""), "Available", false);
        check(known("u"), Some("other"), "Available", true);
        check(known("u"), None, "Released", false);
        check(known("earlier"), Some("v"), "Released", false);
    }
}
