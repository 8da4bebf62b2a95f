//! What a worker takes over from what is known of its pod already. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, PodSpec, PodStatus};

use super::handle::Handle;
use crate::plan::{Health, Verdict};
use crate::pod::PodToRun;
use crate::pod::qos::QosClass;
use crate::status::PodVerdict;

fn statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let lists = [&status.init_container_statuses, &status.container_statuses];
    lists.into_iter().flatten().flatten()
}

/// The least the restart counts may be: containers that ran are not counted anew because nothing of them is left.
pub fn restart_floor(status: &PodStatus) -> BTreeMap<String, u32> {
    let ran = statuses(status).filter(|status| status.container_id.is_some());
    let next = |status: &ContainerStatus| u32::try_from(status.restart_count).unwrap_or(0) + 1;
    ran.map(|status| (status.name.clone(), next(status))).collect()
}

/// What an earlier kubelet's probes had found out counts until ours have found something: a pod that served goes on
/// serving.
pub fn seed_health(handle: &Handle, status: &PodStatus) {
    for status in statuses(status) {
        let id = status.container_id.as_deref().and_then(|id| id.split_once("://"));
        let Some((_, id)) = id else { continue };
        let health = Health {
            startup: (status.started == Some(true)).then_some(Verdict::Success),
            readiness: status.ready.then_some(Verdict::Success),
            liveness: None,
        };
        handle.seed(id, health);
    }
}

/// Whether what volumes show of the pod itself has changed: its labels or annotations.
pub fn volumes_change(before: &PodToRun, now: &PodToRun) -> bool {
    let shown = |pod: &PodToRun| {
        let metadata = &pod.object().metadata;
        (metadata.labels.clone(), metadata.annotations.clone())
    };
    shows_itself(now.spec()) && shown(before) != shown(now)
}

fn shows_itself(spec: &PodSpec) -> bool {
    spec.volumes.iter().flatten().any(|volume| {
        let projected = volume
            .projected
            .iter()
            .flat_map(|projected| projected.sources.iter().flatten());
        volume.downward_api.is_some() || projected.into_iter().any(|source| source.downward_api.is_some())
    })
}

/// The status of a pod that is not let in.
pub fn refused_status(pod: &PodToRun, before: &PodStatus, verdict: &PodVerdict) -> PodStatus {
    PodStatus {
        phase: Some("Failed".to_owned()),
        reason: Some(verdict.reason.clone()),
        message: Some(format!("Pod was rejected: {}", verdict.message)),
        qos_class: Some(QosClass::of(pod.spec()).as_str().to_owned()),
        conditions: before.conditions.clone(),
        observed_generation: pod.object().metadata.generation,
        ..PodStatus::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::handle::Wish;
    use super::*;

    fn status() -> PodStatus {
        let status = json!({
            "initContainerStatuses": [{ "name": "i", "restartCount": 0, "containerID": "containerd://1", "ready": true }],
            "containerStatuses": [
                { "name": "a", "restartCount": 3, "containerID": "containerd://2", "ready": false, "started": true },
                { "name": "b", "restartCount": 0, "ready": false },
            ],
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn counts_go_on_where_they_were() {
        let floor = restart_floor(&status());
        assert_eq!(floor, BTreeMap::from([("i".to_owned(), 1), ("a".to_owned(), 4)]));
    }

    #[test]
    fn health_goes_on_as_it_was() {
        let pod = PodToRun::new(Default::default());
        let handle = Handle::new(Wish::run(pod.into()));
        seed_health(&handle, &status());
        let health = handle.health();
        assert_eq!(health["2"].startup, Some(Verdict::Success));
        assert_eq!(health["2"].readiness, None);
        assert_eq!(health["1"].readiness, Some(Verdict::Success));
        assert_eq!(health.len(), 2);
    }
}
