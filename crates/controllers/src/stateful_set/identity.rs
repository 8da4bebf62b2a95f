//! What makes a set's pod what it is: its number, name, place in DNS, and volumes.

use std::collections::BTreeMap;

use client::ObjectMetadata;
use client::k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use client::k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Pod as WholePod, Volume};
use client::lean::Pod;

use crate::history::{self, HASH_LABEL};
use crate::pod;
use crate::pod_control;

const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

pub(super) fn name(pod: &Pod) -> &str {
    ObjectMetadata::name(&pod.metadata)
}

/// The name of the revision a pod was made from.
pub(super) fn revision_of(pod: &Pod) -> &str {
    pod::label(pod, HASH_LABEL).unwrap_or("")
}

/// The pod's number, if its name is one of the set's.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let set = ObjectMetadata::name(&set.metadata);
    let number = name(pod).strip_prefix(set)?.strip_prefix('-')?;
    let is_plain = number == "0" || !number.starts_with(['0', '+', '-']);
    number.parse().ok().filter(|_| is_plain)
}

pub(super) fn is_member(set: &StatefulSet, pod: &Pod) -> bool {
    ordinal(set, pod).is_some()
}

/// The first number.
pub(super) fn start(set: &StatefulSet) -> i32 {
    let ordinals = set.spec.as_ref().and_then(|spec| spec.ordinals.as_ref());
    ordinals.and_then(|ordinals| ordinals.start).unwrap_or(0)
}

pub(super) fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.metadata.name.as_deref().unwrap_or(""))
}

/// The pod's claims, by the name of the volume.
pub(super) fn claim_names(set: &StatefulSet, ordinal: i32) -> BTreeMap<String, String> {
    let templates = set
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_claim_templates.as_ref());
    let set_name = set.metadata.name.as_deref().unwrap_or("");
    let names = templates
        .into_iter()
        .flatten()
        .filter_map(|template| template.metadata.name.clone());
    names
        .map(|volume| {
            let claim = format!("{volume}-{set_name}-{ordinal}");
            (volume, claim)
        })
        .collect()
}

/// A pod of that number from a revision's template; none if the revision holds none.
pub(super) fn make(set: &StatefulSet, revision: &ControllerRevision, ordinal: i32) -> Option<WholePod> {
    let template = history::template(revision)?;
    let mut pod = pod_control::pod_of(set, &template);
    pod.metadata.generate_name = None;
    pod.metadata.name = Some(pod_name(set, ordinal));
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(pod_name(set, ordinal));
    spec.subdomain = set
        .spec
        .as_ref()
        .and_then(|spec| spec.service_name.clone())
        .filter(|name| !name.is_empty());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.extend(own_labels(set, ordinal));
    labels.insert(
        HASH_LABEL.to_owned(),
        revision.metadata.name.clone().unwrap_or_default(),
    );
    mount(set, &mut pod, ordinal);
    Some(pod)
}

/// The labels that say which of the set's pods it is.
fn own_labels(set: &StatefulSet, ordinal: i32) -> [(String, String); 2] {
    [
        (NAME_LABEL.to_owned(), pod_name(set, ordinal)),
        (INDEX_LABEL.to_owned(), ordinal.to_string()),
    ]
}

fn mount(set: &StatefulSet, pod: &mut WholePod, ordinal: i32) {
    let claims = claim_names(set, ordinal);
    let volumes = pod.spec.get_or_insert_default().volumes.get_or_insert_default();
    volumes.retain(|volume| !claims.contains_key(&volume.name));
    volumes.extend(claims.into_iter().map(|(name, claim)| Volume {
        name,
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim,
            read_only: None,
        }),
        ..Volume::default()
    }));
}

/// Whether the pod is as its number has it.
pub(super) fn matches(set: &StatefulSet, pod: &Pod) -> bool {
    lacking(set, pod).is_empty()
}

/// The labels that the pod should have and has not. (Its volumes cannot be changed any more.)
pub(super) fn lacking(set: &StatefulSet, pod: &Pod) -> BTreeMap<String, String> {
    let wanted = ordinal(set, pod).map(|number| own_labels(set, number));
    let is_lacking = |(key, value): &(String, String)| pod::label(pod, key) != Some(value.as_str());
    wanted.into_iter().flatten().filter(is_lacking).collect()
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::StatefulSetSpec;
    use client::k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodSpec, PodTemplateSpec};
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use client::k8s_openapi::apimachinery::pkg::runtime::RawExtension;

    use super::*;

    fn named(name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            ..ObjectMeta::default()
        }
    }

    fn set() -> StatefulSet {
        let claim = PersistentVolumeClaim {
            metadata: named("data"),
            ..PersistentVolumeClaim::default()
        };
        StatefulSet {
            metadata: named("db"),
            spec: Some(StatefulSetSpec {
                service_name: Some("peers".into()),
                volume_claim_templates: Some(vec![claim]),
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        }
    }

    fn check_ordinal(name: &str, expected: Option<i32>) {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.into());
        assert_eq!(ordinal(&set(), &pod), expected, "{name}");
    }

    #[test]
    fn numbers_come_from_names() {
        check_ordinal("db-0", Some(0));
        check_ordinal("db-12", Some(12));
        check_ordinal("db-012", None);
        check_ordinal("db-x", None);
        check_ordinal("dbx-1", None);
        check_ordinal("db--1", None);
    }

    #[test]
    fn a_pod_has_name_labels_and_claims_of_its_own() {
        let volume = Volume {
            name: "data".into(),
            ..Volume::default()
        };
        let template = PodTemplateSpec {
            metadata: None,
            spec: Some(PodSpec {
                volumes: Some(vec![volume]),
                ..PodSpec::default()
            }),
        };
        let revision = ControllerRevision {
            metadata: named("db-abc"),
            data: Some(RawExtension(history::data(&template))),
            revision: 1,
        };
        let whole = make(&set(), &revision, 3).unwrap();
        let mut pod = Pod::from(&whole);
        assert_eq!(name(&pod), "db-3");
        assert_eq!(revision_of(&pod), "db-abc");
        assert_eq!(pod::label(&pod, INDEX_LABEL), Some("3"));
        let spec = whole.spec.unwrap();
        assert_eq!(
            (spec.hostname.as_deref(), spec.subdomain.as_deref()),
            (Some("db-3"), Some("peers"))
        );
        let volumes = spec.volumes.unwrap();
        assert_eq!(volumes.len(), 1);
        let claim = volumes[0].persistent_volume_claim.as_ref().unwrap();
        assert_eq!(claim.claim_name, "data-db-3");
        assert!(matches(&set(), &pod));
        pod.metadata.labels = Some([(INDEX_LABEL.to_owned(), "3".to_owned())].into());
        assert!(!matches(&set(), &pod));
        let lacking: Vec<_> = lacking(&set(), &pod).into_iter().collect();
        assert_eq!(lacking, [(NAME_LABEL.to_owned(), "db-3".to_owned())]);
    }
}
