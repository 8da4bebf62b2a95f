//! A deployment's ReplicaSets: which one is the new one, and how a new one is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use client::k8s_openapi::api::core::v1::PodTemplateSpec;
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use jiff::Timestamp;

use super::revision;
use crate::hash::template_hash;
use crate::owner;

/// Label that tells the pods of one template from those of another.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// The deployment's pod template.
pub(super) fn template(deployment: &Deployment) -> PodTemplateSpec {
    deployment
        .spec
        .as_ref()
        .map(|spec| spec.template.clone())
        .unwrap_or_default()
}

/// Whether a set was made from the deployment's present template.
pub(super) fn same_template(set: &ReplicaSet, deployment: &Deployment) -> bool {
    let of_set = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.clone())
        .unwrap_or_default();
    without_hash(of_set) == without_hash(template(deployment))
}

fn without_hash(mut template: PodTemplateSpec) -> PodTemplateSpec {
    if let Some(labels) = template
        .metadata
        .as_mut()
        .and_then(|metadata| metadata.labels.as_mut())
    {
        labels.remove(HASH_LABEL);
    }
    template
}

pub(super) fn created(set: &ReplicaSet) -> Option<Timestamp> {
    set.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// The set of the present template, and the others oldest first. If several match, the oldest is the one.
pub(super) fn new_and_old(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
) -> (Option<Arc<ReplicaSet>>, Vec<Arc<ReplicaSet>>) {
    let mut sorted = sets.to_vec();
    sorted.sort_by(|a, b| {
        created(a)
            .cmp(&created(b))
            .then_with(|| a.metadata.name.cmp(&b.metadata.name))
    });
    let new = sorted
        .iter()
        .position(|set| same_template(set, deployment))
        .map(|at| sorted.remove(at));
    (new, sorted)
}

/// A set for the present template, of the given size and revision.
pub(super) fn make(deployment: &Deployment, size: i32, revision_number: i64) -> ReplicaSet {
    let spec = deployment.spec.clone().unwrap_or_default();
    let collisions = deployment
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let hash = template_hash(&spec.template, collisions);
    let hash_label = || (HASH_LABEL.to_owned(), hash.clone());

    let mut template = spec.template;
    let labels = template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default();
    labels.extend([hash_label()]);
    let labels = labels.clone();
    let mut selector: LabelSelector = spec.selector;
    selector
        .match_labels
        .get_or_insert_default()
        .extend([hash_label()]);

    let mut annotations: BTreeMap<String, String> = revision::copied_annotations(deployment);
    annotations.insert(revision::REVISION.to_owned(), revision_number.to_string());
    let name = format!("{}-{hash}", deployment.metadata.name.as_deref().unwrap_or(""));
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: deployment.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![owner::controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(size),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    };
    revision::note_sizes(&mut set, deployment);
    set
}
