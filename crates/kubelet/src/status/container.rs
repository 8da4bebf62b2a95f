//! The statuses of containers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    ContainerUser, LinuxContainerUser, ResourceRequirements, VolumeMount, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::StatusInput;
use crate::images::PullWait;
use crate::plan::{Exit, Instance, InstanceState, InstanceUser, StopReason};
use crate::pod::{Member, Role};

pub fn statuses_of_starters(input: StatusInput<'_>) -> Vec<ContainerStatus> {
    let previous = by_name(input.previous.init_container_statuses.as_ref());
    let starters = input.pod.starters();
    starters
        .map(|member| status(input, member, previous.get(member.name()).copied()))
        .collect()
}

/// In order of name, as upstream lists them.
pub fn statuses_of_mains(input: StatusInput<'_>) -> Vec<ContainerStatus> {
    let previous = by_name(input.previous.container_statuses.as_ref());
    let mains = input.pod.of_role(Role::Main);
    let mut statuses: Vec<ContainerStatus> = mains
        .map(|member| status(input, member, previous.get(member.name()).copied()))
        .collect();
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    statuses
}

pub fn statuses_of_ephemerals(input: StatusInput<'_>) -> Vec<ContainerStatus> {
    let previous = by_name(input.previous.ephemeral_container_statuses.as_ref());
    let ephemerals = input.pod.of_role(Role::Ephemeral);
    ephemerals
        .map(|member| status(input, member, previous.get(member.name()).copied()))
        .collect()
}

fn by_name(statuses: Option<&Vec<ContainerStatus>>) -> BTreeMap<&str, &ContainerStatus> {
    let statuses = statuses.into_iter().flatten();
    statuses.map(|status| (status.name.as_str(), status)).collect()
}

fn status(input: StatusInput<'_>, member: &Member, previous: Option<&ContainerStatus>) -> ContainerStatus {
    match input.observed.newest(member.name()) {
        Some(instance) => of_instance(input, member, instance, previous),
        None => without_instance(input, member, previous),
    }
}

fn of_instance(
    input: StatusInput<'_>,
    member: &Member,
    instance: &Instance,
    previous: Option<&ContainerStatus>,
) -> ContainerStatus {
    let runtime = &input.node.runtime;
    if let Some(previous) = previous.filter(|previous| is_exchanged(input, member, previous)) {
        return previous.clone();
    }
    let waiting = waiting(input, member);
    let ended = |instance: &Instance| {
        instance
            .exit()
            .map(|exit| terminated_state(runtime, instance, exit))
    };
    let before = || {
        let known = input.observed.previous(member.name()).and_then(ended);
        // What is no longer there was seen by an earlier look.
        known.or_else(|| previous.and_then(|previous| previous.last_state.clone()))
    };
    let (state, last_state) = match (&instance.state, waiting) {
        (InstanceState::Running { started_at }, _) => (running_state(*started_at), before()),
        (InstanceState::Exited(_), Some(waiting)) => (waiting, ended(instance)),
        (InstanceState::Exited(exit), None) => (terminated_state(runtime, instance, exit), before()),
        (InstanceState::Created | InstanceState::Unknown, waiting) => (
            waiting.unwrap_or_else(|| default_waiting(input, member)),
            before(),
        ),
    };
    let started = is_started(input, member, instance);
    ContainerStatus {
        name: member.name().to_owned(),
        ready: is_ready(input, member, instance, started),
        started: Some(started),
        restart_count: i32::try_from(instance.restart_count).unwrap_or(i32::MAX),
        image: if instance.image.is_empty() {
            member.image().to_owned()
        } else {
            instance.image.clone()
        },
        image_id: instance.image_id.clone(),
        container_id: Some(container_id(runtime, instance)),
        state: Some(state),
        last_state,
        allocated_resources: member
            .container
            .resources
            .as_ref()
            .and_then(|r| r.requests.clone()),
        resources: resources(input, member, instance),
        volume_mounts: volume_mounts(member),
        user: instance.user.as_ref().map(user),
        ..ContainerStatus::default()
    }
}

/// A container that the kubelet stops and starts again shows as it was until it is there again: who looks on is told of the
/// new one, not of the moment between. Unless that takes long.
fn is_exchanged(input: StatusInput<'_>, member: &Member, previous: &ContainerStatus) -> bool {
    if input.memory.busy.starting.as_deref() != Some(member.name()) {
        return false;
    }
    let Some(ended) = input.observed.last_ended(member.name()) else {
        return false;
    };
    let starts_again = |why: &StopReason| why.starts_again();
    let is_recent = |exit: &Exit| input.now < crate::plan::later(exit.finished_at, super::EXCHANGE);
    input.memory.stopped.get(&ended.id).is_some_and(starts_again)
        && ended.exit().is_some_and(is_recent)
        && previous
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
        && previous.container_id == Some(container_id(&input.node.runtime, ended))
}

/// What runs has what it was given; anything else, what it would get.
fn resources(input: StatusInput<'_>, member: &Member, instance: &Instance) -> Option<ResourceRequirements> {
    let granted = member.container.resources.clone();
    match input.memory.given(instance).filter(|_| instance.is_running()) {
        Some(given) => Some(given.shown(&granted.unwrap_or_default())),
        None => granted,
    }
}

fn without_instance(
    input: StatusInput<'_>,
    member: &Member,
    previous: Option<&ContainerStatus>,
) -> ContainerStatus {
    let state = previous.and_then(|previous| previous.state.as_ref());
    if let Some(previous) = previous
        && state.is_some_and(|state| state.terminated.is_some())
        && waiting(input, member).is_none()
    {
        // The runtime has forgotten what the API has not.
        return previous.clone();
    }
    let mut last_state = previous.and_then(|previous| previous.last_state.clone());
    let mut restart_count = previous.map_or(0, |previous| previous.restart_count);
    if state.is_some_and(|state| state.running.is_some()) {
        last_state = Some(lost_state());
        restart_count += 1;
    }
    ContainerStatus {
        name: member.name().to_owned(),
        ready: false,
        started: Some(false),
        restart_count,
        image: member.image().to_owned(),
        state: Some(waiting(input, member).unwrap_or_else(|| default_waiting(input, member))),
        last_state,
        volume_mounts: volume_mounts(member),
        ..ContainerStatus::default()
    }
}

/// Why a container does not run, if there is more to say than that its turn has not come.
fn waiting(input: StatusInput<'_>, member: &Member) -> Option<ContainerState> {
    let pause = input.plan.waiting.get(member.name());
    if let Some(failure) = input.memory.failures.get(member.name()) {
        let is_fresh = input.now < crate::plan::later(failure.at, super::FRESH);
        if let Some(pause) = pause.filter(|_| !is_fresh && failure.waiting.is_none()) {
            // It was made and has ended: what it waits for is its next turn.
            return Some(waiting_state(&pause.reason, &pause.message));
        }
        return Some(match &failure.waiting {
            Some(wait) if !is_fresh => waiting_state(PullWait::REASON, &wait.message),
            _ => waiting_state(&failure.reason, &failure.message),
        });
    }
    pause.map(|pause| waiting_state(&pause.reason, &pause.message))
}

fn default_waiting(input: StatusInput<'_>, member: &Member) -> ContainerState {
    let is_init = matches!(member.role, Role::Init | Role::Sidecar);
    let has_init = input.pod.starters().next().is_some();
    let reason = if is_init || (has_init && member.role == Role::Main) {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    waiting_state(reason, "")
}

fn waiting_state(reason: &str, message: &str) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
        }),
        ..ContainerState::default()
    }
}

fn running_state(started_at: Timestamp) -> ContainerState {
    ContainerState {
        running: Some(ContainerStateRunning {
            started_at: Some(Time(started_at)),
        }),
        ..ContainerState::default()
    }
}

fn terminated_state(runtime: &str, instance: &Instance, exit: &Exit) -> ContainerState {
    let terminated = ContainerStateTerminated {
        container_id: Some(container_id(runtime, instance)),
        exit_code: exit.code,
        reason: Some(exit.reason.clone()).filter(|reason| !reason.is_empty()),
        message: Some(exit.message.clone()).filter(|message| !message.is_empty()),
        // Go's zero time stands for "never" here.
        started_at: Some(Time(exit.started_at.unwrap_or(Timestamp::UNIX_EPOCH))),
        finished_at: Some(Time(exit.finished_at)),
        signal: None,
    };
    ContainerState {
        terminated: Some(terminated),
        ..ContainerState::default()
    }
}

/// A container that was running when last seen, and of which nothing is left.
pub fn lost_state() -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some("The container could not be located when the pod was deleted.  The container used to be Running".to_owned()),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}

fn container_id(runtime: &str, instance: &Instance) -> String {
    format!("{runtime}://{}", instance.id)
}

fn is_started(input: StatusInput<'_>, member: &Member, instance: &Instance) -> bool {
    let in_hook = input.memory.busy.starting.as_deref() == Some(member.name());
    let has_probe = member.container.startup_probe.is_some();
    instance.is_running()
        && !in_hook
        && member.role != Role::Init
        && input.memory.is_started(&instance.id, has_probe)
}

fn is_ready(input: StatusInput<'_>, member: &Member, instance: &Instance, started: bool) -> bool {
    match member.role {
        Role::Init => instance.exit().is_some_and(|exit| exit.code == 0),
        Role::Ephemeral => false,
        Role::Sidecar | Role::Main => {
            let has_probe = member.container.readiness_probe.is_some();
            started && input.memory.is_ready(&instance.id, has_probe)
        }
    }
}

fn volume_mounts(member: &Member) -> Option<Vec<VolumeMountStatus>> {
    let status = |mount: &VolumeMount| {
        let read_only = mount.read_only == Some(true);
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: read_only.then_some(true),
            recursive_read_only: read_only.then(|| "Disabled".to_owned()),
            ..VolumeMountStatus::default()
        }
    };
    let mounts = member.container.volume_mounts.as_ref()?;
    super::some_if_any(mounts.iter().map(status))
}

fn user(user: &InstanceUser) -> ContainerUser {
    ContainerUser {
        linux: Some(LinuxContainerUser {
            uid: user.uid,
            gid: user.gid,
            supplemental_groups: super::some_if_any(user.groups.iter().copied()),
        }),
    }
}
