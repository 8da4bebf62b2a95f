//! How many pods to make, which to delete, and what they amount to.

use std::sync::Arc;
use std::time::Duration;

use client::k8s_openapi::api::core::v1::{
    ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};
use client::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use client::lean::Pod;
use jiff::Timestamp;

use crate::pod;
use crate::replicaset::ranking;

/// At most so many pods are made or deleted in one pass, as upstream has it.
const BURST: usize = 500;
const REPLICA_FAILURE: &str = "ReplicaFailure";

/// What the pods lack.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: usize,
    pub(super) delete: Vec<Arc<Pod>>,
}

/// Decides from the pods that have not ended. Pods that are already going do not count.
pub(super) fn make(set: &ReplicationController, pods: &[Arc<Pod>]) -> Plan {
    let replicas = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let wanted = usize::try_from(replicas).unwrap_or(0);
    let active: Vec<_> = pods.iter().filter(|pod| pod::is_active(pod)).cloned().collect();
    let surplus = active.len().saturating_sub(wanted).min(BURST);
    Plan {
        create: wanted.saturating_sub(active.len()).min(BURST),
        delete: ranking::first_to_go(active, surplus),
    }
}

pub(super) fn min_ready(set: &ReplicationController) -> Duration {
    let seconds = set.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
    Duration::from_secs(u64::try_from(seconds.unwrap_or(0)).unwrap_or(0))
}

/// The status as it should be; `failure` says why pods could not be made or deleted.
pub(super) fn status(
    set: &ReplicationController,
    pods: &[Arc<Pod>],
    failure: Option<String>,
    now: Timestamp,
) -> ReplicationControllerStatus {
    let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
    let wanted = template
        .and_then(|template| template.metadata.as_ref())
        .and_then(|metadata| metadata.labels.clone())
        .unwrap_or_default();
    let has_all_labels = |pod: &Pod| {
        wanted
            .iter()
            .all(|(key, value)| pod::label(pod, key) == Some(value.as_str()))
    };
    let count = |is: &dyn Fn(&Pod) -> bool| {
        let count = pods
            .iter()
            .filter(|pod| !pod::is_deleting(pod) && is(pod))
            .count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    let nonzero = |count: i32| (count != 0).then_some(count);
    ReplicationControllerStatus {
        replicas: count(&|_| true),
        fully_labeled_replicas: nonzero(count(&has_all_labels)),
        ready_replicas: nonzero(count(&pod::is_ready)),
        available_replicas: nonzero(count(&|pod| pod::is_available(pod, min_ready(set), now))),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, failure, now),
    }
}

fn conditions(
    set: &ReplicationController,
    failure: Option<String>,
    now: Timestamp,
) -> Option<Vec<ReplicationControllerCondition>> {
    let old = set.status.as_ref().and_then(|status| status.conditions.clone());
    let (standing, mut conditions): (Vec<_>, Vec<_>) = old
        .unwrap_or_default()
        .into_iter()
        .partition(|condition| condition.type_ == REPLICA_FAILURE);
    if let Some(message) = failure {
        let condition = standing.into_iter().next();
        conditions.push(condition.unwrap_or_else(|| ReplicationControllerCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: String::from("True"),
            reason: Some(String::from("FailedCreate")),
            message: Some(message),
            last_transition_time: Some(Time(now)),
        }));
    }
    (!conditions.is_empty()).then_some(conditions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pod::testing::{deleting, pod, ready};

    fn set(replicas: i32) -> ReplicationController {
        serde_json::from_value(json!({ "spec": { "replicas": replicas } })).unwrap()
    }

    fn check(replicas: i32, pods: Vec<Pod>, create: usize, delete: usize) {
        let pods: Vec<_> = pods.into_iter().map(Arc::new).collect();
        let plan = make(&set(replicas), &pods);
        assert_eq!((plan.create, plan.delete.len()), (create, delete), "{replicas}");
    }

    #[test]
    fn the_difference_is_made_up_for() {
        check(2, vec![], 2, 0);
        check(2, vec![pod("a", "Running"), deleting(pod("b", "Running"))], 1, 0);
        check(0, vec![pod("a", "Running")], 0, 1);
    }

    #[test]
    fn a_failure_is_told_while_it_lasts() {
        let mut set = set(2);
        let pods = [Arc::new(ready(pod("a", "Running")))];
        let status = status(&set, &pods, Some("quota".into()), Timestamp::UNIX_EPOCH);
        assert_eq!((status.replicas, status.ready_replicas), (1, Some(1)));
        set.status = Some(status);
        let later = super::status(&set, &pods, Some("other".into()), Timestamp::MAX);
        assert_eq!(set.status, Some(later));
        let fine = super::status(&set, &pods, None, Timestamp::MAX);
        assert_eq!(fine.conditions, None);
    }
}
