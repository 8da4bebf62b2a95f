//! The phase of a pod.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::StatusInput;
use crate::plan::Progress;
use crate::pod::Role;

pub const PENDING: &str = "Pending";
pub const RUNNING: &str = "Running";
pub const SUCCEEDED: &str = "Succeeded";
pub const FAILED: &str = "Failed";

/// Whether a phase is the last one of a pod.
pub fn is_last(phase: Option<&str>) -> bool {
    matches!(phase, Some(SUCCEEDED | FAILED))
}

pub fn phase(input: StatusInput<'_>, init: &[ContainerStatus], main: &[ContainerStatus]) -> String {
    if let Some(last) = input
        .previous
        .phase
        .as_deref()
        .filter(|phase| is_last(Some(phase)))
    {
        return last.to_owned();
    }
    let anything_runs = input.observed.any_running();
    if input.verdict.is_some() {
        // It is over once nothing of it runs.
        return if anything_runs {
            going(input, init, main)
        } else {
            FAILED
        }
        .to_owned();
    }
    match Progress::of(input.pod, input.observed, input.memory) {
        // Sidecars may still be ending; the pod is done only with them.
        Progress::Done { succeeded } if !anything_runs => {
            if succeeded { SUCCEEDED } else { FAILED }.to_owned()
        }
        _ => going(input, init, main).to_owned(),
    }
}

/// Pending until every container has run once.
fn going(input: StatusInput<'_>, init: &[ContainerStatus], main: &[ContainerStatus]) -> &'static str {
    let has_run = |status: &ContainerStatus| {
        let state = status.state.clone().unwrap_or_default();
        let ended_before = status
            .last_state
            .as_ref()
            .is_some_and(|last| last.terminated.is_some());
        state.running.is_some() || state.terminated.is_some() || ended_before
    };
    let any_main_has_run = main.iter().any(has_run);
    let init_done = init.iter().all(|status| {
        let is_sidecar = input
            .pod
            .member(&status.name)
            .is_some_and(|member| member.role == Role::Sidecar);
        if is_sidecar { has_run(status) } else { status.ready }
    });
    if (any_main_has_run || init_done) && !main.is_empty() && main.iter().all(has_run) {
        RUNNING
    } else {
        PENDING
    }
}
