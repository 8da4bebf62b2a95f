//! What a claim calls for.

use std::sync::Arc;

use client::EventType;
use client::k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus,
};
use client::k8s_openapi::api::storage::v1::StorageClass;
use client::recorder::reference;

use super::fit::{best, claim_of, class_of, is_for, mismatch};
use super::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, News, PROVISIONER, SELECTED_NODE, has_annotation, is_bound,
};

/// What is to be written, the volume first, and said.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) volume: Option<PersistentVolume>,
    pub(super) claim: Option<PersistentVolumeClaim>,
    pub(super) status: PersistentVolumeClaimStatus,
    pub(super) news: Option<News>,
}

impl Plan {
    fn waiting(claim: &PersistentVolumeClaim, news: Option<News>) -> Self {
        Self {
            status: with_phase(claim, "Pending"),
            news,
            ..Self::default()
        }
    }

    fn lost(claim: &PersistentVolumeClaim, reason: &'static str, message: &str) -> Self {
        let is_new = claim.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Lost");
        Self {
            status: PersistentVolumeClaimStatus {
                phase: Some(String::from("Lost")),
                ..PersistentVolumeClaimStatus::default()
            },
            news: is_new.then(|| news(EventType::Warning, reason, message)),
            ..Self::default()
        }
    }
}

fn news(kind: EventType, reason: &'static str, message: impl Into<String>) -> News {
    News {
        kind,
        reason,
        message: message.into(),
    }
}

fn with_phase(claim: &PersistentVolumeClaim, phase: &str) -> PersistentVolumeClaimStatus {
    PersistentVolumeClaimStatus {
        phase: Some(phase.to_owned()),
        ..claim.status.clone().unwrap_or_default()
    }
}

/// Decides.
pub(super) fn make(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    class: Option<&StorageClass>,
) -> Plan {
    let named = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.as_deref())
        .filter(|name| !name.is_empty());
    let volume = named.map(|name| {
        volumes
            .iter()
            .find(|volume| volume.metadata.name.as_deref() == Some(name))
    });
    match (is_bound(claim), volume) {
        (true, None) => Plan::lost(
            claim,
            "ClaimLost",
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        ),
        (true, Some(None)) => Plan::lost(
            claim,
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        ),
        (true, Some(Some(volume))) if claim_of(volume).is_none() || is_for(volume, claim) => {
            bind(claim, volume)
        }
        (true, Some(Some(_))) => Plan::lost(
            claim,
            "ClaimMisbound",
            "Two claims are bound to the same volume, this one is bound incorrectly",
        ),
        (false, None) => find(claim, volumes, class),
        (false, Some(None)) => Plan::waiting(claim, None),
        (false, Some(Some(volume))) => asked_for(claim, volume),
    }
}

/// A claim that names its volume itself.
fn asked_for(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Plan {
    let name = volume.metadata.name.as_deref().unwrap_or("");
    if is_for(volume, claim) {
        return bind(claim, volume);
    }
    if claim_of(volume).is_some() {
        let message = format!("volume {name:?} already bound to a different claim.");
        return Plan::waiting(claim, Some(news(EventType::Warning, "FailedBinding", message)));
    }
    match mismatch(volume, claim) {
        None => bind(claim, volume),
        Some(why) => {
            let message = format!("Cannot bind to requested volume {name:?}: {why}");
            Plan::waiting(claim, Some(news(EventType::Warning, "VolumeMismatch", message)))
        }
    }
}

/// A claim that takes what fits.
fn find(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    class: Option<&StorageClass>,
) -> Plan {
    let waits_for_pod = class
        .and_then(|class| class.volume_binding_mode.as_deref())
        .is_some_and(|mode| mode == "WaitForFirstConsumer")
        && !has_annotation(claim.metadata.annotations.as_ref(), SELECTED_NODE);
    if let Some(volume) = best(claim, volumes).filter(|volume| !waits_for_pod || is_for(volume, claim)) {
        return bind(claim, &volume);
    }
    if waits_for_pod {
        let message = "waiting for first consumer to be created before binding";
        let news = news(EventType::Normal, "WaitForFirstConsumer", message);
        return Plan::waiting(claim, Some(news));
    }
    match (class_of(claim), class) {
        (None, _) => {
            let message = "no persistent volumes available for this claim and no storage class is set";
            Plan::waiting(claim, Some(news(EventType::Normal, "FailedBinding", message)))
        }
        (Some(name), None) => {
            let message = format!("storageclass.storage.k8s.io {name:?} not found");
            Plan::waiting(
                claim,
                Some(news(EventType::Warning, "ProvisioningFailed", message)),
            )
        }
        (Some(_), Some(class)) => provided(claim, class),
    }
}

/// Somebody else provides the volume: the claim tells who.
fn provided(claim: &PersistentVolumeClaim, class: &StorageClass) -> Plan {
    let provisioner = &class.provisioner;
    if provisioner == "kubernetes.io/no-provisioner" {
        return Plan::waiting(claim, None);
    }
    let mut changed = claim.clone();
    let annotations = changed.metadata.annotations.get_or_insert_default();
    for key in PROVISIONER {
        annotations.insert(key.to_owned(), provisioner.clone());
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system \
         administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    );
    Plan {
        claim: (changed != *claim).then_some(changed),
        ..Plan::waiting(
            claim,
            Some(news(EventType::Normal, "ExternalProvisioning", message)),
        )
    }
}

/// Volume and claim know each other.
fn bind(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Plan {
    let mut bound = volume.clone();
    let by_controller = claim_of(volume).is_none();
    let spec = bound.spec.get_or_insert_default();
    let known = spec
        .claim_ref
        .as_ref()
        .and_then(|reference| reference.uid.as_ref());
    if known != claim.metadata.uid.as_ref() {
        spec.claim_ref = Some(reference(claim));
        if by_controller {
            let annotations = bound.metadata.annotations.get_or_insert_default();
            annotations.insert(BOUND_BY_CONTROLLER.to_owned(), String::from("yes"));
        }
    }
    let mut changed = claim.clone();
    let spec = changed.spec.get_or_insert_default();
    let annotations = changed.metadata.annotations.get_or_insert_default();
    if spec.volume_name.as_deref().unwrap_or("").is_empty() {
        spec.volume_name.clone_from(&volume.metadata.name);
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), String::from("yes"));
    }
    annotations.insert(BIND_COMPLETED.to_owned(), String::from("yes"));
    let volume_spec = volume.spec.as_ref();
    let status = PersistentVolumeClaimStatus {
        access_modes: volume_spec.and_then(|spec| spec.access_modes.clone()),
        // What the claim was given before, it may have been made larger meanwhile.
        capacity: claim
            .status
            .as_ref()
            .filter(|status| status.phase.as_deref() == Some("Bound"))
            .and_then(|status| status.capacity.clone())
            .or_else(|| volume_spec.and_then(|spec| spec.capacity.clone())),
        ..with_phase(claim, "Bound")
    };
    Plan {
        volume: (bound != *volume).then_some(bound),
        claim: (changed != *claim).then_some(changed),
        status,
        news: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fit::testing::{claim, volume};
    use super::*;

    fn class(mode: &str) -> StorageClass {
        serde_json::from_value(json!({ "provisioner": "p", "volumeBindingMode": mode })).unwrap()
    }

    fn check(
        spec: Value,
        volumes: &[Arc<PersistentVolume>],
        class: Option<&StorageClass>,
        phase: &str,
        reason: Option<&str>,
    ) -> Plan {
        let text = spec.to_string();
        let plan = make(&claim(spec), volumes, class);
        assert_eq!(plan.status.phase.as_deref(), Some(phase), "{text}");
        assert_eq!(plan.news.as_ref().map(|news| news.reason), reason, "{text}");
        plan
    }

    #[test]
    fn a_binding_is_written_on_both_sides_once() {
        let free = [volume("v", "5Gi", Value::Null)];
        let plan = check(json!({}), &free, None, "Bound", None);
        let volume = plan.volume.unwrap();
        let mut bound = plan.claim.unwrap();
        assert_eq!(bound.spec.as_ref().unwrap().volume_name.as_deref(), Some("v"));
        assert!(is_for(&volume, &bound) && is_bound(&bound));
        assert!(has_annotation(
            volume.metadata.annotations.as_ref(),
            BOUND_BY_CONTROLLER
        ));
        bound.status = Some(plan.status);
        let again = make(&bound, &[Arc::new(volume)], None);
        assert!(again.volume.is_none() && again.claim.is_none());
        assert_eq!(Some(again.status), bound.status);
        // Without its volume it is lost.
        let lost = make(&bound, &[], None);
        assert_eq!(lost.status.phase.as_deref(), Some("Lost"));
    }

    #[test]
    fn a_claim_may_name_its_volume() {
        let named = || json!({ "volumeName": "v" });
        check(named(), &[], None, "Pending", None);
        let free = volume("v", "5Gi", Value::Null);
        let plan = check(named(), &[free], None, "Bound", None);
        let annotations = plan.claim.unwrap().metadata.annotations;
        assert!(!has_annotation(annotations.as_ref(), BOUND_BY_CONTROLLER));
        let small = volume("v", "1Gi", Value::Null);
        check(named(), &[small], None, "Pending", Some("VolumeMismatch"));
        let others = volume("v", "5Gi", json!({ "name": "d", "namespace": "n" }));
        check(named(), &[others], None, "Pending", Some("FailedBinding"));
    }

    #[test]
    fn what_is_not_there_is_waited_for() {
        check(json!({}), &[], None, "Pending", Some("FailedBinding"));
        let of_class = || json!({ "storageClassName": "s" });
        check(of_class(), &[], None, "Pending", Some("ProvisioningFailed"));
        let plan = check(
            of_class(),
            &[],
            Some(&class("Immediate")),
            "Pending",
            Some("ExternalProvisioning"),
        );
        let annotations = plan.claim.unwrap().metadata.annotations;
        assert!(has_annotation(annotations.as_ref(), PROVISIONER[0]));
        let waiting = class("WaitForFirstConsumer");
        check(
            of_class(),
            &[],
            Some(&waiting),
            "Pending",
            Some("WaitForFirstConsumer"),
        );
    }
}
