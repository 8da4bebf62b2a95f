//! What a set's pods amount to.

use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::StatefulSetStatus;
use client::lean::Pod;

use super::identity::revision_of;
use super::plan::Observed;
use crate::pod;

/// The status as it should be.
pub(super) fn status(observed: &Observed<'_>) -> StatefulSetStatus {
    let count = |is: &dyn Fn(&Arc<Pod>) -> bool| {
        let count = observed.pods.iter().filter(|pod| is(pod)).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    let of = |revision: &str| count(&|pod| !pod::is_deleting(pod) && revision_of(pod) == revision);
    let old = observed.set.status.as_ref();
    let mut status = StatefulSetStatus {
        replicas: count(&|_| true),
        ready_replicas: nonzero(count(&|pod| is_ready(pod))),
        available_replicas: Some(count(&|pod| observed.is_available(pod))),
        current_replicas: nonzero(of(observed.current)),
        updated_replicas: nonzero(of(observed.update)),
        current_revision: Some(observed.current.to_owned()),
        update_revision: Some(observed.update.to_owned()),
        collision_count: Some(old.and_then(|status| status.collision_count).unwrap_or(0)),
        observed_generation: observed.set.metadata.generation,
        conditions: old.and_then(|status| status.conditions.clone()),
    };
    // An update is complete when all pods have it and are ready: then it is what is.
    let all = Some(status.replicas).filter(|&count| count == observed.replicas());
    let is_complete = status.updated_replicas.or(Some(0)) == all && status.ready_replicas.or(Some(0)) == all;
    if observed.rolling().is_some() && is_complete {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
    status
}

fn is_ready(pod: &Pod) -> bool {
    pod::phase(pod) == "Running" && pod::is_ready(pod)
}

/// Counts that are zero are left out on the wire.
fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::{plan, pods, set};

    fn check(states: &str, counts: [i32; 5], current: &str) {
        let status = plan(&set(3, "OrderedReady", 0), &pods(states)).status;
        let number = |count: Option<i32>| count.unwrap_or(0);
        let found = [
            status.replicas,
            number(status.ready_replicas),
            number(status.available_replicas),
            number(status.current_replicas),
            number(status.updated_replicas),
        ];
        assert_eq!(found, counts, "{states}");
        assert_eq!(status.current_revision.as_deref(), Some(current), "{states}");
    }

    #[test]
    fn pods_are_counted_by_revision_and_state() {
        check("0old+ 1old- 2+", [3, 2, 2, 2, 1], "db-old");
        check("0old+ 1old+ 2x", [3, 3, 3, 2, 0], "db-old");
    }

    #[test]
    fn an_update_that_is_complete_becomes_current() {
        check("0+ 1+ 2-", [3, 2, 2, 0, 3], "db-old");
        check("0+ 1+ 2+", [3, 3, 3, 3, 3], "db-new");
    }
}
