//! What the node grants a pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, ResourceRequirements};

use super::Given;

/// The requests and limits of a pod and of its containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grant {
    containers: BTreeMap<String, Option<ResourceRequirements>>,
    of_pod: Option<ResourceRequirements>,
}

impl Grant {
    /// What a pod asks for.
    pub fn asked(pod: &Pod) -> Self {
        let containers =
            containers(pod).map(|container| (container.name.clone(), container.resources.clone()));
        Self {
            containers: containers.collect(),
            of_pod: pod.spec.as_ref().and_then(|spec| spec.resources.clone()),
        }
    }

    /// What an earlier kubelet granted it, as its status tells: what it asks for, where that is not more or less than the
    /// requests that were granted.
    pub fn remembered(pod: &Pod) -> Self {
        let mut grant = Self::asked(pod);
        for status in ran(pod) {
            let Some(asked) = grant.containers.get_mut(&status.name) else {
                continue;
            };
            let requests = |resources: &Option<ResourceRequirements>| {
                let requests = resources
                    .as_ref()
                    .and_then(|resources| resources.requests.clone());
                requests.unwrap_or_default()
            };
            let granted = status.allocated_resources.clone().unwrap_or_default();
            if let Some(resources) = &status.resources
                && requests(asked) != granted
            {
                *asked = Some(ResourceRequirements {
                    requests: status.allocated_resources.clone(),
                    ..resources.clone()
                });
            }
        }
        grant
    }

    /// Grants a container what it has.
    pub fn set(&mut self, container: &str, has: &Given) {
        if let Some(resources) = self.containers.get_mut(container) {
            *resources = Some(has.own().clone());
        }
        self.of_pod = has.of_pod().cloned();
    }

    /// The pod as if it asked for this.
    pub fn applied_to(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        if Self::asked(pod) == *self {
            return pod.clone();
        }
        let mut granted = (**pod).clone();
        if let Some(spec) = &mut granted.spec {
            spec.resources.clone_from(&self.of_pod);
            let starters = spec.init_containers.iter_mut().flatten();
            for container in starters.chain(&mut spec.containers) {
                if let Some(resources) = self.containers.get(&container.name) {
                    container.resources.clone_from(resources);
                }
            }
        }
        Arc::new(granted)
    }
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec
        .iter()
        .flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers))
}

/// The statuses of containers that were made once.
pub fn ran(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let lists = pod
        .status
        .iter()
        .flat_map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let statuses = lists.flatten().flatten();
    statuses.filter(|status| status.container_id.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(requests: Value, status: Value) -> Arc<Pod> {
        let pod = json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "c", "resources": { "requests": requests } }, { "name": "d" }] },
            "status": { "containerStatuses": status },
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn status(granted: Value) -> Value {
        json!([{ "name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0, "containerID": "r://1",
            "allocatedResources": granted, "resources": { "requests": { "cpu": "1" } } }])
    }

    #[test]
    fn a_pod_asks_for_other_amounts_than_it_has() {
        let (before, after) = (
            pod(json!({ "cpu": "1" }), json!([])),
            pod(json!({ "cpu": "2" }), json!([])),
        );
        let grant = Grant::asked(&before);
        assert_ne!(grant, Grant::asked(&after));
        let granted = grant.applied_to(&after);
        assert_eq!(Grant::asked(&granted), grant);
        assert!(Arc::ptr_eq(&grant.applied_to(&before), &before));
    }

    #[test]
    fn what_was_granted_is_found_in_the_status() {
        let asked = json!({ "cpu": "2" });
        for (status, expected) in [
            (json!([]), json!({ "cpu": "2" })),
            (status(json!({ "cpu": "2" })), json!({ "cpu": "2" })),
            (status(json!({ "cpu": "1" })), json!({ "cpu": "1" })),
        ] {
            let found = Grant::remembered(&pod(asked.clone(), status));
            assert_eq!(found, Grant::asked(&pod(expected, json!([]))));
        }
    }
}
