//! The last status of a pod, when nothing of it runs and nothing will.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, PodStatus};

use super::phase::{self, FAILED, SUCCEEDED};

/// Makes a status final: every container has ended, and the phase is a last one. What is not known to have ended well is
/// taken to have failed.
pub fn terminated(mut status: PodStatus) -> PodStatus {
    for container in status.container_statuses.iter_mut().flatten() {
        end(container);
    }
    // One that never had its turn stays waiting.
    let init = status.init_container_statuses.iter_mut().flatten();
    init.filter(|container| container.container_id.is_some())
        .for_each(end);
    if !phase::is_last(status.phase.as_deref()) {
        let mut mains = status.container_statuses.iter().flatten();
        let succeeded = mains.all(|container| exit_code(container) == Some(0));
        status.phase = Some(if succeeded { SUCCEEDED } else { FAILED }.to_owned());
    }
    for condition in status.conditions.iter_mut().flatten() {
        if matches!(condition.type_.as_str(), "Ready" | "ContainersReady") && condition.status == "False" {
            let failed = status.phase.as_deref() == Some(FAILED);
            condition.reason = Some(if failed { "PodFailed" } else { "PodCompleted" }.to_owned());
            condition.message = None;
        }
    }
    status
}

fn exit_code(container: &ContainerStatus) -> Option<i32> {
    Some(container.state.as_ref()?.terminated.as_ref()?.exit_code)
}

fn end(container: &mut ContainerStatus) {
    container.ready = false;
    container.started = Some(false);
    let state = container.state.get_or_insert_default();
    if state.terminated.is_some() {
        return;
    }
    *state = ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some("The container could not be located when the pod was terminated".to_owned()),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    };
}
