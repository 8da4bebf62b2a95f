//! What controllers ask of pods.

use std::time::Duration;

use client::lean::{Pod, PodCondition};
use jiff::Timestamp;

pub(crate) fn phase(pod: &Pod) -> &str {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.unwrap_or("")
}

/// Whether it runs no more and never will.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it is neither finished nor on its way out.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !is_deleting(pod)
}

pub(crate) fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// The node it is bound to; empty if none.
pub(crate) fn node(pod: &Pod) -> &str {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node.unwrap_or("")
}

pub(crate) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

pub(crate) fn has_condition(pod: &Pod, kind: &str) -> bool {
    condition(pod, kind).is_some_and(|condition| condition.status == "True")
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    has_condition(pod, "Ready")
}

/// Since when it has been ready, if it is.
fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Whether it has been ready for that long.
pub(crate) fn is_available(pod: &Pod, min_ready: Duration, now: Timestamp) -> bool {
    is_ready(pod) && available_in(pod, min_ready, now).is_none()
}

/// How long until a pod that is ready will have been so for long enough; none if it is not ready, or has been.
pub(crate) fn available_in(pod: &Pod, min_ready: Duration, now: Timestamp) -> Option<Duration> {
    if min_ready.is_zero() || !is_ready(pod) {
        return None;
    }
    let elapsed = ready_since(pod).map_or(Duration::ZERO, |since| elapsed(since, now));
    let left = min_ready.saturating_sub(elapsed);
    (!left.is_zero()).then_some(left)
}

/// The time that has passed; zero if it has yet to come.
pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// When it was made.
pub(crate) fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

pub(crate) fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.labels.as_ref()?.get(key)
}

#[cfg(test)]
pub(crate) mod testing {
    use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use client::lean::{Metadata, PodSpec, PodStatus};

    use super::*;

    /// A pod of that name (its UID too) in that phase.
    pub(crate) fn pod(name: &str, phase: &str) -> Pod {
        Pod {
            metadata: Metadata {
                name: Some(name.into()),
                namespace: Some("n".into()),
                uid: Some(name.into()),
                creation_timestamp: Some(Time(Timestamp::UNIX_EPOCH)),
                ..Metadata::default()
            },
            spec: Some(PodSpec::default()),
            status: Some(PodStatus {
                phase: Some(phase.into()),
                ..PodStatus::default()
            }),
        }
    }

    /// The same, bound to a node.
    pub(crate) fn on(mut pod: Pod, node: &str) -> Pod {
        pod.spec.get_or_insert_default().node_name = Some(node.into());
        pod
    }

    /// The same, ready since the epoch.
    pub(crate) fn ready(pod: Pod) -> Pod {
        with_condition(pod, "Ready", 0)
    }

    pub(crate) fn with_condition(mut pod: Pod, kind: &str, second: i64) -> Pod {
        let condition = PodCondition {
            type_: kind.into(),
            status: "True".into(),
            last_transition_time: Timestamp::from_second(second).ok().map(Time),
        };
        let status = pod.status.get_or_insert_default();
        status.conditions.get_or_insert_default().push(condition);
        pod
    }

    /// The same, on its way out.
    pub(crate) fn deleting(mut pod: Pod) -> Pod {
        pod.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        pod
    }
}
