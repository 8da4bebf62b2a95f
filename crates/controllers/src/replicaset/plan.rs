//! How many pods to make, and which to delete.

use std::sync::Arc;

use client::k8s_openapi::api::apps::v1::ReplicaSet;
use client::lean::Pod;

use super::ranking;

/// At most so many pods are made or deleted in one pass, as upstream has it.
const BURST: usize = 500;

/// What a set's pods lack.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Pods to make.
    pub(super) create: usize,
    /// Pods to delete.
    pub(super) delete: Vec<Arc<Pod>>,
}

impl Plan {
    /// Decides from the set and its unfinished pods. Pods that are already going do not count.
    pub(super) fn make(set: &ReplicaSet, pods: &[Arc<Pod>]) -> Self {
        let wanted = set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1)
            .max(0) as usize;
        let active: Vec<_> = pods
            .iter()
            .filter(|p| p.metadata.deletion_timestamp.is_none())
            .cloned()
            .collect();
        if active.len() <= wanted {
            return Self {
                create: (wanted - active.len()).min(BURST),
                delete: Vec::new(),
            };
        }
        let surplus = (active.len() - wanted).min(BURST);
        Self {
            create: 0,
            delete: ranking::first_to_go(active, surplus),
        }
    }
}

#[cfg(test)]
mod tests {
    use client::k8s_openapi::api::apps::v1::ReplicaSetSpec;

    use super::*;

    fn check(replicas: i32, pods: usize, create: usize, delete: usize) {
        let spec = ReplicaSetSpec {
            replicas: Some(replicas),
            ..ReplicaSetSpec::default()
        };
        let set = ReplicaSet {
            spec: Some(spec),
            ..ReplicaSet::default()
        };
        let pods: Vec<_> = (0..pods).map(|_| Arc::new(Pod::default())).collect();
        let plan = Plan::make(&set, &pods);
        assert_eq!(
            (plan.create, plan.delete.len()),
            (create, delete),
            "{replicas} of {}",
            pods.len()
        );
    }

    #[test]
    fn the_difference_is_made_up_for() {
        check(3, 0, 3, 0);
        check(3, 3, 0, 0);
        check(1, 3, 0, 2);
        check(0, 2, 0, 2);
        check(1000, 0, BURST, 0);
    }
}
