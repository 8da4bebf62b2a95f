//! What a set's pods amount to.

use std::time::Duration;

use client::k8s_openapi::api::apps::v1::DaemonSetStatus;

use super::plan::{Observed, Wish};
use crate::pod;

/// The status as it should be.
pub(super) fn status(observed: &Observed<'_>) -> DaemonSetStatus {
    let by_node = observed.by_node();
    let (mut desired, mut scheduled, mut ready, mut available, mut updated, mut misscheduled) =
        (0, 0, 0, 0, 0, 0);
    for (node, wish) in observed.wishes() {
        let pod = by_node.get(node).and_then(|pods| pods.first());
        match (wish, pod) {
            (Wish::Run, Some(pod)) => {
                desired += 1;
                scheduled += 1;
                ready += i32::from(pod::is_ready(pod));
                available += i32::from(observed.is_available(pod));
                updated += i32::from(observed.is_current(pod));
            }
            (Wish::Run, None) => desired += 1,
            (_, Some(_)) => misscheduled += 1,
            (_, None) => {}
        }
    }
    let old = observed.set.status.as_ref();
    DaemonSetStatus {
        current_number_scheduled: scheduled,
        desired_number_scheduled: desired,
        number_misscheduled: misscheduled,
        number_ready: ready,
        number_available: nonzero(available),
        number_unavailable: nonzero(desired - available),
        updated_number_scheduled: nonzero(updated),
        observed_generation: observed.set.metadata.generation,
        collision_count: old.and_then(|status| status.collision_count),
        conditions: old.and_then(|status| status.conditions.clone()),
    }
}

/// Counts that are zero are left out on the wire.
fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

/// When the next pod that is ready will have been so for long enough.
pub(super) fn next_available(observed: &Observed<'_>) -> Option<Duration> {
    let left = |pod| pod::available_in(pod, observed.min_ready(), observed.now);
    observed.pods.iter().filter_map(|pod| left(pod)).min()
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::DaemonSet;

    use super::super::plan::testing::{node, observe, pod};
    use super::*;

    #[test]
    fn nodes_and_their_pods_are_counted() {
        let nodes = [
            node("a", ""),
            node("b", ""),
            node("c", ""),
            node("d", "NoSchedule"),
        ];
        let pods = vec![
            pod("1", "a", "new", true),
            pod("2", "b", "old", false),
            pod("3", "d", "new", true),
        ];
        let status = observe(&DaemonSet::default(), &nodes, pods, status);
        let expected = DaemonSetStatus {
            desired_number_scheduled: 3,
            current_number_scheduled: 2,
            number_ready: 1,
            number_misscheduled: 1,
            number_available: Some(1),
            number_unavailable: Some(2),
            updated_number_scheduled: Some(1),
            ..DaemonSetStatus::default()
        };
        assert_eq!(status, expected);
    }
}
