//! What a set's pods amount to.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use client::lean::Pod;
use jiff::Timestamp;

use crate::context::ControllerError;
use crate::owner;

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// The status as it should be.
pub(super) fn status(
    set: &ReplicaSet,
    pods: &[Arc<Pod>],
    terminating: i32,
    failure: Option<&ControllerError>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let active = || {
        pods.iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
    };
    let template_labels = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.as_ref())
        .and_then(|template| template.metadata.as_ref())
        .and_then(|metadata| metadata.labels.clone())
        .unwrap_or_default();
    let carries_template_labels = |pod: &&Arc<Pod>| {
        template_labels
            .iter()
            .all(|(key, value)| crate::pod::label(pod, key) == Some(value.as_str()))
    };
    let wait = min_ready(set);
    ReplicaSetStatus {
        replicas: count(active()),
        fully_labeled_replicas: nonzero(count(active().filter(carries_template_labels))),
        ready_replicas: nonzero(count(active().filter(|pod| is_ready(pod)))),
        available_replicas: nonzero(count(active().filter(|pod| is_available(pod, wait, now)))),
        terminating_replicas: Some(terminating),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, failure, now),
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> i32 {
    i32::try_from(items.count()).unwrap_or(i32::MAX)
}

/// Counts that are zero are left out on the wire.
fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

fn conditions(
    set: &ReplicaSet,
    failure: Option<&ControllerError>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let old = set
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone())
        .unwrap_or_default();
    let mut conditions: Vec<_> = old
        .iter()
        .filter(|c| c.type_ != REPLICA_FAILURE)
        .cloned()
        .collect();
    if let Some(failure) = failure {
        let standing = old.into_iter().find(|c| c.type_ == REPLICA_FAILURE);
        conditions.push(standing.unwrap_or_else(|| ReplicaSetCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: String::from("True"),
            reason: Some(String::from("FailedCreate")),
            message: Some(failure.said()),
            last_transition_time: Some(Time(now)),
        }));
    }
    (!conditions.is_empty()).then_some(conditions)
}

/// The set's pods that are on their way out but not finished.
pub(super) fn terminating(set: &ReplicaSet, pods: &[Arc<Pod>]) -> i32 {
    let uid = set.metadata.uid.as_deref().unwrap_or("");
    count(pods.iter().filter(|pod| {
        pod.metadata.deletion_timestamp.is_some()
            && !super::is_finished(pod)
            && owner::is_controlled_by(&pod.metadata, uid)
    }))
}

fn min_ready(set: &ReplicaSet) -> Duration {
    let seconds = set
        .spec
        .as_ref()
        .and_then(|spec| spec.min_ready_seconds)
        .unwrap_or(0);
    Duration::from_secs(seconds.max(0) as u64)
}

/// When the next ready pod will have been ready for long enough.
pub(super) fn next_available(set: &ReplicaSet, pods: &[Arc<Pod>], now: Timestamp) -> Option<Duration> {
    let wait = min_ready(set);
    pods.iter()
        .filter(|pod| is_ready(pod) && !is_available(pod, wait, now))
        .filter_map(|pod| Some(wait.saturating_sub(elapsed(ready_since(pod)?, now))))
        .min()
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    ready_condition(pod).is_some_and(|condition| condition.status == "True")
}

/// Since when the pod has been ready, if it is.
pub(super) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let condition = ready_condition(pod).filter(|condition| condition.status == "True")?;
    condition.last_transition_time.as_ref().map(|time| time.0)
}

fn ready_condition(pod: &Pod) -> Option<&client::lean::PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == "Ready")
}

fn is_available(pod: &Pod, wait: Duration, now: Timestamp) -> bool {
    is_ready(pod) && (wait.is_zero() || ready_since(pod).is_some_and(|since| elapsed(since, now) >= wait))
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
