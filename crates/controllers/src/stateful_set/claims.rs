//! The volume claims of a set's pods: made with them, kept or deleted as the set says.

use std::sync::Arc;

use client::error::optional;
use client::k8s_openapi::api::apps::v1::StatefulSet;
use client::k8s_openapi::api::core::v1::PersistentVolumeClaim;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use client::lean::Pod;
use client::{EventType, Scope};

use super::Controller;
use super::identity::{claim_names, name, ordinal, pod_name, start};
use crate::context::{ControllerError, doing};
use crate::owner;
use crate::pod_control::said;

/// The claims a pod needs.
fn make(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let Some(spec) = &set.spec else { return Vec::new() };
    let names = claim_names(set, ordinal);
    let templates = spec.volume_claim_templates.iter().flatten();
    templates
        .filter_map(|template| {
            let claim = names.get(template.metadata.name.as_ref()?)?;
            let mut labels = template.metadata.labels.clone().unwrap_or_default();
            labels.extend(spec.selector.match_labels.clone().unwrap_or_default());
            Some(PersistentVolumeClaim {
                metadata: ObjectMeta {
                    name: Some(claim.clone()),
                    namespace: set.metadata.namespace.clone(),
                    labels: Some(labels),
                    ..template.metadata.clone()
                },
                spec: template.spec.clone(),
                status: None,
            })
        })
        .collect()
}

/// The owners a claim should have; none if it has them. `pod` is the claim's pod.
fn owners(set: &StatefulSet, pod: &Pod, claim: &PersistentVolumeClaim) -> Option<Vec<OwnerReference>> {
    let policy = set
        .spec
        .as_ref()
        .and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
    let deletes = |when: Option<&String>| when.is_some_and(|when| when == "Delete");
    let with_set = policy.is_some_and(|policy| deletes(policy.when_deleted.as_ref()));
    let with_pod = policy.is_some_and(|policy| deletes(policy.when_scaled.as_ref()));
    let is_condemned = ordinal(set, pod).is_some_and(|number| {
        let replicas = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        !(start(set)..start(set).saturating_add(replicas)).contains(&number)
    });
    let has = claim.metadata.owner_references.clone().unwrap_or_default();
    let ours = [set.metadata.uid.as_deref(), pod.metadata.uid.as_deref()];
    let mut wanted: Vec<_> = has
        .iter()
        .filter(|owner| {
            // An earlier pod of this name is no owner either.
            let is_pod = owner.kind == "Pod" && owner.name == name(pod);
            !ours.contains(&Some(owner.uid.as_str())) && !is_pod
        })
        .cloned()
        .collect();
    if with_pod && is_condemned {
        wanted.push(owner::controller_reference(pod));
    } else if with_set {
        wanted.push(owner::controller_reference(set));
    }
    (wanted != has).then_some(wanted)
}

impl Controller {
    /// Makes the claims of a pod that are not there yet.
    pub(super) async fn create_claims(&self, set: &StatefulSet, number: i32) -> Result<(), ControllerError> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or("");
        let set_name = set.metadata.name.as_deref().unwrap_or("");
        for claim in make(set, number) {
            let claim_name = claim.metadata.name.clone().unwrap_or_default();
            if self.claims.store().get(namespace, &claim_name).is_some() {
                continue;
            }
            let created = self
                .control
                .client
                .create(Scope::Namespace(namespace), &claim)
                .await;
            let message = |end: &str| {
                format!(
                    "create Claim {claim_name} Pod {} in StatefulSet {set_name} {end}",
                    pod_name(set, number)
                )
            };
            let recorder = &self.control.recorder;
            match created {
                Ok(_) => recorder.record(set, EventType::Normal, "SuccessfulCreate", message("success")),
                Err(error) if error.is_already_exists() => {}
                Err(error) => {
                    let failed = message(&format!("failed error: {}", said(&error)));
                    recorder.record(set, EventType::Warning, "FailedCreate", failed);
                    return Err(doing("create a claim")(error));
                }
            }
        }
        Ok(())
    }

    /// Gives the claims of the pods the owners that the set's policy asks for.
    pub(super) async fn keep_claims(
        &self,
        set: &StatefulSet,
        pods: &[Arc<Pod>],
    ) -> Result<(), ControllerError> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or("");
        for pod in pods {
            let Some(number) = ordinal(set, pod) else { continue };
            for claim_name in claim_names(set, number).values() {
                let Some(claim) = self.claims.store().get(namespace, claim_name) else {
                    continue;
                };
                if let Some(owners) = owners(set, pod, &claim) {
                    let mut changed = PersistentVolumeClaim::clone(&claim);
                    changed.metadata.owner_references = Some(owners);
                    let result = self.control.client.replace(&changed).await;
                    optional(result).map_err(doing("change a claim's owners"))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::StatefulSetPersistentVolumeClaimRetentionPolicy;

    use super::super::plan::testing::{pods, set};
    use super::*;

    fn check(deleted: &str, scaled: &str, pod: &str, expected: &[&str]) {
        let mut set = set(1, "OrderedReady", 0);
        set.metadata.uid = Some("set".into());
        let policy = StatefulSetPersistentVolumeClaimRetentionPolicy {
            when_deleted: Some(deleted.into()),
            when_scaled: Some(scaled.into()),
        };
        set.spec
            .as_mut()
            .unwrap()
            .persistent_volume_claim_retention_policy = Some(policy);
        let pod = pods(pod).remove(0);
        let mut claim = PersistentVolumeClaim::default();
        let wanted = owners(&set, &pod, &claim).unwrap_or_default();
        let uids: Vec<_> = wanted.iter().map(|owner| owner.uid.as_str()).collect();
        assert_eq!(uids, expected, "{deleted} {scaled}");
        // Once they are there, nothing is to do.
        claim.metadata.owner_references = Some(wanted);
        assert_eq!(owners(&set, &pod, &claim), None);
    }

    #[test]
    fn claims_go_with_the_set_or_the_pod_or_stay() {
        check("Retain", "Retain", "1+", &[]);
        check("Delete", "Retain", "1+", &["set"]);
        check("Delete", "Delete", "0+", &["set"]);
        check("Delete", "Delete", "1+", &["db-1"]);
        check("Retain", "Delete", "0+", &[]);
        check("Retain", "Delete", "1+", &["db-1"]);
    }
}
