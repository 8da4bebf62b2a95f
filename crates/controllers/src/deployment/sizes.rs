//! Arithmetic of a rollout: how large sets may and must be.

use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use client::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::revision;

/// Replicas the deployment asks for.
pub(super) fn desired(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

/// Replicas a set asks for.
pub(super) fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0)
}

/// Replicas of a set that serve.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    set.status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

/// Sum over sets.
pub(super) fn sum<'a>(
    sets: impl IntoIterator<Item = &'a Arc<ReplicaSet>>,
    of: fn(&ReplicaSet) -> i32,
) -> i32 {
    sets.into_iter().map(|set| of(set)).sum()
}

pub(super) fn is_rolling(deployment: &Deployment) -> bool {
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("Recreate")
}

/// Replicas allowed above the wish during a rollout.
pub(super) fn max_surge(deployment: &Deployment) -> i32 {
    limits(deployment).0
}

/// Replicas that may be missing during a rollout; never more than there are.
pub(super) fn max_unavailable(deployment: &Deployment) -> i32 {
    limits(deployment).1.min(desired(deployment))
}

fn limits(deployment: &Deployment) -> (i32, i32) {
    if !is_rolling(deployment) || desired(deployment) == 0 {
        return (0, 0);
    }
    let rolling = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.strategy.as_ref())
        .and_then(|strategy| strategy.rolling_update.as_ref());
    let total = desired(deployment);
    let surge = scaled(rolling.and_then(|r| r.max_surge.as_ref()), total, true);
    let unavailable = scaled(rolling.and_then(|r| r.max_unavailable.as_ref()), total, false);
    // Validation forbids that both are zero, but rounding may bring it about; something must move.
    if surge == 0 && unavailable == 0 {
        (0, 1)
    } else {
        (surge, unavailable)
    }
}

fn scaled(value: Option<&IntOrString>, total: i32, round_up: bool) -> i32 {
    match value {
        None => 0,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let hundredfold = percent * i64::from(total);
            let value = if round_up {
                (hundredfold + 99) / 100
            } else {
                hundredfold / 100
            };
            i32::try_from(value).unwrap_or(i32::MAX)
        }
    }
}

/// How large the newest set should be, all sets considered.
pub(super) fn size_of_new(deployment: &Deployment, all_wanted: i32, new_wanted: i32) -> i32 {
    let desired = desired(deployment);
    if !is_rolling(deployment) {
        return desired;
    }
    let room = desired + max_surge(deployment) - all_wanted;
    if room <= 0 {
        new_wanted
    } else {
        new_wanted + room.min(desired - new_wanted)
    }
}

/// The sizes old sets should be reduced to, oldest first: those that do not serve go first, then as many of those that do
/// as availability allows. Only sets that change are named.
pub(super) fn shrink_old(
    deployment: &Deployment,
    new: &ReplicaSet,
    old: &[Arc<ReplicaSet>],
) -> Vec<(Arc<ReplicaSet>, i32)> {
    let min_available = desired(deployment) - max_unavailable(deployment);
    let all_wanted = sum(old, wanted) + wanted(new);
    let new_unavailable = wanted(new) - available(new);
    let mut may_go = all_wanted - min_available - new_unavailable;
    let mut sizes: Vec<i32> = old.iter().map(|set| wanted(set)).collect();
    for (set, size) in old.iter().zip(&mut sizes) {
        let unhealthy = (*size - available(set)).clamp(0, may_go.max(0));
        *size -= unhealthy;
        may_go -= unhealthy;
    }
    let mut serving_may_go = sum(old, available) + available(new) - min_available;
    for size in &mut sizes {
        let gone = (*size).clamp(0, serving_may_go.min(may_go).max(0));
        *size -= gone;
        serving_may_go -= gone;
        may_go -= gone;
    }
    old.iter()
        .cloned()
        .zip(sizes)
        .filter(|(set, size)| wanted(set) != *size)
        .collect()
}

/// The sizes sets get when the deployment is scaled in the middle of a rollout: each its share.
pub(super) fn proportional(
    deployment: &Deployment,
    active: &[Arc<ReplicaSet>],
) -> Vec<(Arc<ReplicaSet>, i32)> {
    let desired = desired(deployment);
    let allowed = if desired > 0 {
        desired + max_surge(deployment)
    } else {
        0
    };
    let to_add = allowed - sum(active, wanted);
    let mut sorted = active.to_vec();
    // The largest first; among equals the newest when growing, the oldest when shrinking.
    sorted.sort_by(|a, b| {
        let age = super::sets::created(a).cmp(&super::sets::created(b));
        wanted(b)
            .cmp(&wanted(a))
            .then(if to_add > 0 { age.reverse() } else { age })
    });
    let mut added = 0;
    let mut sizes: Vec<i32> = Vec::with_capacity(sorted.len());
    for set in &sorted {
        let left = to_add - added;
        let share = share(deployment, set, allowed);
        let change = if to_add > 0 {
            share.min(left)
        } else {
            share.max(left)
        };
        let change = if to_add == 0 || wanted(set) == 0 {
            0
        } else {
            change
        };
        added += change;
        sizes.push(wanted(set) + change);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    sorted.into_iter().zip(sizes).collect()
}

/// By how much a set changes if all sets keep their proportion.
fn share(deployment: &Deployment, set: &ReplicaSet, allowed: i32) -> i32 {
    if desired(deployment) == 0 {
        return -wanted(set);
    }
    let status_replicas = deployment.status.as_ref().and_then(|status| status.replicas);
    let before = revision::noted_size(set, revision::MAX)
        .or(status_replicas)
        .filter(|size| *size > 0);
    let Some(before) = before else { return 0 };
    let size = f64::from(wanted(set)) * f64::from(allowed) / f64::from(before);
    size.round() as i32 - wanted(set)
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::{
        DeploymentSpec, DeploymentStrategy, ReplicaSetSpec, ReplicaSetStatus, RollingUpdateDeployment,
    };

    use super::*;

    fn deployment(replicas: i32, surge: &str, unavailable: &str) -> Deployment {
        let limit = |text: &str| {
            text.parse()
                .map(IntOrString::Int)
                .unwrap_or_else(|_| IntOrString::String(text.to_owned()))
        };
        let rolling = RollingUpdateDeployment {
            max_surge: Some(limit(surge)),
            max_unavailable: Some(limit(unavailable)),
        };
        let strategy = DeploymentStrategy {
            type_: Some("RollingUpdate".into()),
            rolling_update: Some(rolling),
        };
        let spec = DeploymentSpec {
            replicas: Some(replicas),
            strategy: Some(strategy),
            ..DeploymentSpec::default()
        };
        Deployment {
            spec: Some(spec),
            ..Deployment::default()
        }
    }

    fn set(wanted: i32, available: i32) -> Arc<ReplicaSet> {
        Arc::new(ReplicaSet {
            spec: Some(ReplicaSetSpec {
                replicas: Some(wanted),
                ..ReplicaSetSpec::default()
            }),
            status: Some(ReplicaSetStatus {
                available_replicas: Some(available),
                ..ReplicaSetStatus::default()
            }),
            ..ReplicaSet::default()
        })
    }

    #[test]
    fn percentages_round_up_for_surge_and_down_for_unavailable() {
        let deployment = deployment(10, "25%", "25%");
        assert_eq!((max_surge(&deployment), max_unavailable(&deployment)), (3, 2));
    }

    #[test]
    fn something_always_moves() {
        let deployment = deployment(1, "0", "25%");
        assert_eq!((max_surge(&deployment), max_unavailable(&deployment)), (0, 1));
    }

    #[test]
    fn the_new_set_grows_into_the_room_there_is() {
        let check = |replicas, all, new, expected| {
            assert_eq!(size_of_new(&deployment(replicas, "1", "0"), all, new), expected);
        };
        check(3, 0, 0, 3);
        check(3, 3, 0, 1);
        check(3, 4, 1, 1);
        check(3, 3, 2, 3);
    }

    #[test]
    fn old_sets_shrink_as_new_pods_serve() {
        let check = |new: Arc<ReplicaSet>, old: Arc<ReplicaSet>, expected: Option<i32>| {
            let sizes = shrink_old(&deployment(3, "1", "0"), &new, &[old]);
            assert_eq!(sizes.first().map(|(_, size)| *size), expected);
        };
        check(set(1, 0), set(3, 3), None);
        check(set(1, 1), set(3, 3), Some(2));
        check(set(1, 0), set(3, 2), None);
        check(set(1, 1), set(3, 2), Some(2));
        check(set(3, 3), set(1, 1), Some(0));
    }

    #[test]
    fn scaling_in_the_middle_of_a_rollout_keeps_proportions() {
        let sizes = proportional(&deployment(20, "0", "0"), &[noted(5), noted(5)]);
        let total: i32 = sizes.iter().map(|(_, size)| size).sum();
        assert_eq!(total, 20);
        assert!(sizes.iter().all(|(_, size)| *size == 10));
    }

    fn noted(wanted: i32) -> Arc<ReplicaSet> {
        let mut set = ReplicaSet::clone(&set(wanted, wanted));
        set.metadata.annotations = Some([(revision::MAX.to_owned(), "10".to_owned())].into());
        Arc::new(set)
    }
}
