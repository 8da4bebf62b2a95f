//! What a deployment's sets amount to, and how its rollout is going.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet, ReplicaSetStatus,
};
use jiff::Timestamp;

use super::conditions::{self as c, condition};
use super::sizes;

/// The numbers, with the conditions there were and whether the deployment is available.
pub(super) fn counted(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
    new: Option<&ReplicaSet>,
    now: Timestamp,
) -> DeploymentStatus {
    let old_status = deployment.status.clone().unwrap_or_default();
    let of = |read: fn(&ReplicaSetStatus) -> i32| -> i32 {
        sets.iter().filter_map(|set| set.status.as_ref()).map(read).sum()
    };
    let available = of(|status| status.available_replicas.unwrap_or(0));
    let mut conditions = old_status.conditions.unwrap_or_default();
    c::set(&mut conditions, availability(deployment, available, now));
    DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: nonzero(of(|status| status.replicas)),
        updated_replicas: nonzero(
            new.and_then(|set| set.status.as_ref())
                .map_or(0, |status| status.replicas),
        ),
        ready_replicas: nonzero(of(|status| status.ready_replicas.unwrap_or(0))),
        available_replicas: nonzero(available),
        unavailable_replicas: nonzero((sizes::sum(sets, sizes::wanted) - available).max(0)),
        terminating_replicas: Some(of(|status| status.terminating_replicas.unwrap_or(0))),
        collision_count: old_status.collision_count,
        conditions: Some(conditions),
    }
}

/// Counts that are zero are left out on the wire.
fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

fn availability(deployment: &Deployment, available: i32, now: Timestamp) -> DeploymentCondition {
    if available >= sizes::desired(deployment) - sizes::max_unavailable(deployment) {
        let message = "Deployment has minimum availability.";
        condition(c::AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
    } else {
        let message = "Deployment does not have minimum availability.";
        condition(c::AVAILABLE, "False", "MinimumReplicasUnavailable", message, now)
    }
}

/// Whether all that was asked for is there and nothing else.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let desired = sizes::desired(deployment);
    status.updated_replicas.unwrap_or(0) == desired
        && status.replicas.unwrap_or(0) == desired
        && status.available_replicas.unwrap_or(0) == desired
}

/// Adds how the rollout is going; gives the time after which it will have taken too long.
pub(super) fn add_progress(
    deployment: &Deployment,
    new: Option<&ReplicaSet>,
    sets: &[Arc<ReplicaSet>],
    status: &mut DeploymentStatus,
    now: Timestamp,
) -> Option<Duration> {
    let mut conditions = status.conditions.take().unwrap_or_default();
    let deadline = deadline(deployment);
    let current = c::find(&conditions, c::PROGRESSING).cloned();
    let was_complete =
        status.replicas == status.updated_replicas && c::reason(current.as_ref()) == c::NEW_SET_AVAILABLE;
    match deadline {
        None => c::remove(&mut conditions, c::PROGRESSING),
        Some(_) if was_complete => {}
        Some(deadline) => {
            let subject = subject(deployment, new);
            if is_complete(deployment, status) {
                let message = format!("{subject} has successfully progressed.");
                c::set(
                    &mut conditions,
                    condition(c::PROGRESSING, "True", c::NEW_SET_AVAILABLE, message, now),
                );
            } else if is_progressing(deployment, status) {
                let message = format!("{subject} is progressing.");
                let progressing = condition(c::PROGRESSING, "True", "ReplicaSetUpdated", message, now);
                c::renew(&mut conditions, progressing);
            } else if has_timed_out(current.as_ref(), deadline, now) {
                let message = format!("{subject} has timed out progressing.");
                c::set(
                    &mut conditions,
                    condition(c::PROGRESSING, "False", c::DEADLINE_EXCEEDED, message, now),
                );
            }
        }
    }
    take_failure(sets, &mut conditions);
    let left = deadline.and_then(|deadline| left(c::find(&conditions, c::PROGRESSING), deadline, now));
    let again = left.filter(|_| !is_complete(deployment, status));
    status.conditions = Some(conditions);
    again
}

fn deadline(deployment: &Deployment) -> Option<Duration> {
    let seconds = deployment.spec.as_ref()?.progress_deadline_seconds?;
    (seconds != i32::MAX).then(|| Duration::from_secs(seconds.max(0) as u64))
}

fn subject(deployment: &Deployment, new: Option<&ReplicaSet>) -> String {
    match new {
        Some(set) => format!("ReplicaSet {:?}", set.metadata.name.as_deref().unwrap_or("")),
        None => format!(
            "Deployment {:?}",
            deployment.metadata.name.as_deref().unwrap_or("")
        ),
    }
}

/// Whether anything moved since the last status.
fn is_progressing(deployment: &Deployment, new: &DeploymentStatus) -> bool {
    let old = deployment.status.clone().unwrap_or_default();
    let number = |count: Option<i32>| count.unwrap_or(0);
    let of_old_sets = |status: &DeploymentStatus| number(status.replicas) - number(status.updated_replicas);
    number(new.updated_replicas) > number(old.updated_replicas)
        || of_old_sets(new) < of_old_sets(&old)
        || number(new.ready_replicas) > number(old.ready_replicas)
        || number(new.available_replicas) > number(old.available_replicas)
}

fn has_timed_out(current: Option<&DeploymentCondition>, deadline: Duration, now: Timestamp) -> bool {
    match c::reason(current) {
        c::NEW_SET_AVAILABLE | "" => false,
        c::DEADLINE_EXCEEDED => true,
        _ => left(current, deadline, now).is_some_and(|left| left.is_zero()),
    }
}

/// Time until the deadline, counted from when progress was last seen.
fn left(current: Option<&DeploymentCondition>, deadline: Duration, now: Timestamp) -> Option<Duration> {
    let current =
        current.filter(|c| !matches!(c.reason.as_deref(), Some(c::DEADLINE_EXCEEDED | c::PAUSED)))?;
    let since = current.last_update_time.as_ref()?.0;
    let elapsed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(deadline.saturating_sub(elapsed))
}

/// A set that cannot make its pods says so on the deployment too.
fn take_failure(sets: &[Arc<ReplicaSet>], conditions: &mut Vec<DeploymentCondition>) {
    let failure = sets
        .iter()
        .filter_map(|set| set.status.as_ref()?.conditions.as_ref())
        .flatten()
        .find(|condition| condition.type_ == c::REPLICA_FAILURE);
    match failure {
        None => c::remove(conditions, c::REPLICA_FAILURE),
        Some(failure) => c::set(
            conditions,
            DeploymentCondition {
                type_: c::REPLICA_FAILURE.to_owned(),
                status: failure.status.clone(),
                reason: failure.reason.clone(),
                message: failure.message.clone(),
                last_update_time: failure.last_transition_time.clone(),
                last_transition_time: failure.last_transition_time.clone(),
            },
        ),
    }
}
