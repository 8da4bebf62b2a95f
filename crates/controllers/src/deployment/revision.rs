//! Revisions and the notes a deployment keeps on its sets, as annotations that kubectl reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::sizes;

/// The revision, counted up with each new template.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions this set had before it became the newest again (after an undo).
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// What the deployment wanted when the set was last scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// What the deployment allowed then, surge included.
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a deployment that are its own and not its sets'.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The revision noted on an object; 0 if none is.
pub(super) fn revision(metadata: &ObjectMeta) -> i64 {
    annotation(metadata, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// A size noted on a set.
pub(super) fn noted_size(set: &ReplicaSet, key: &str) -> Option<i32> {
    annotation(&set.metadata, key)?.parse().ok()
}

/// The revision the newest set must have: one more than any other's.
pub(super) fn next(old: &[Arc<ReplicaSet>]) -> i64 {
    old.iter().map(|set| revision(&set.metadata)).max().unwrap_or(0) + 1
}

/// The deployment's annotations that its sets carry too.
pub(super) fn copied_annotations(deployment: &Deployment) -> BTreeMap<String, String> {
    let annotations = deployment.metadata.annotations.clone().unwrap_or_default();
    annotations
        .into_iter()
        .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()))
        .collect()
}

/// Notes the deployment's wish on a set.
pub(super) fn note_sizes(set: &mut ReplicaSet, deployment: &Deployment) {
    let desired = sizes::desired(deployment);
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.insert(DESIRED.to_owned(), desired.to_string());
    annotations.insert(
        MAX.to_owned(),
        (desired + sizes::max_surge(deployment)).to_string(),
    );
}

/// Brings the notes on the newest set up to date: its revision, and the deployment's annotations.
pub(super) fn note_newest(set: &mut ReplicaSet, deployment: &Deployment, number: i64) {
    let before = revision(&set.metadata);
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.extend(copied_annotations(deployment));
    if before >= number {
        return;
    }
    annotations.insert(REVISION.to_owned(), number.to_string());
    if before > 0 {
        let history = annotations.entry(HISTORY.to_owned()).or_default();
        if !history.is_empty() {
            history.push(',');
        }
        history.push_str(&before.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(number: &str) -> ReplicaSet {
        let annotations = [(REVISION.to_owned(), number.to_owned())].into();
        let metadata = ObjectMeta {
            annotations: Some(annotations),
            ..ObjectMeta::default()
        };
        ReplicaSet {
            metadata,
            ..ReplicaSet::default()
        }
    }

    #[test]
    fn an_undone_set_gets_a_new_revision_and_remembers_the_old() {
        let mut undone = set("1");
        let number = next(&[Arc::new(set("2"))]);
        note_newest(&mut undone, &Deployment::default(), number);
        assert_eq!(revision(&undone.metadata), 3);
        assert_eq!(annotation(&undone.metadata, HISTORY), Some("1"));
    }
}
