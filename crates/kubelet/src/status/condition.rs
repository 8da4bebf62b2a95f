//! The conditions of a pod.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{StatusInput, phase};
use crate::pod::Role;

const SANDBOX: &str = "PodReadyToStartContainers";
const INITIALIZED: &str = "Initialized";
const READY: &str = "Ready";
const CONTAINERS_READY: &str = "ContainersReady";
const SCHEDULED: &str = "PodScheduled";
const RESIZE_PENDING: &str = "PodResizePending";
const RESIZE_IN_PROGRESS: &str = "PodResizeInProgress";

/// The conditions the kubelet keeps; all others are someone else's and stay.
const OWN: [&str; 7] = [
    RESIZE_PENDING,
    RESIZE_IN_PROGRESS,
    SANDBOX,
    INITIALIZED,
    READY,
    CONTAINERS_READY,
    SCHEDULED,
];

/// Whether the kubelet keeps the condition of this type.
pub fn is_own_condition(kind: &str) -> bool {
    OWN.contains(&kind)
}

/// Whether a condition holds, and why not.
struct Finding {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Finding {
    fn holds() -> Self {
        Self {
            holds: true,
            reason: None,
            message: None,
        }
    }

    fn fails(reason: &'static str, message: impl Into<Option<String>>) -> Self {
        Self {
            holds: false,
            reason: Some(reason),
            message: message.into(),
        }
    }
}

pub fn conditions(
    input: StatusInput<'_>,
    phase: &str,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> Vec<PodCondition> {
    let findings = [
        (SANDBOX, sandbox(input)),
        (INITIALIZED, initialized(input, phase, init, main)),
        (READY, ready(input, phase, init, main)),
        (CONTAINERS_READY, containers_ready(input, phase, init, main)),
    ];
    let findings = findings
        .into_iter()
        .map(|(kind, finding)| condition(input, kind, finding));
    let mut conditions = resizing(input, phase);
    conditions.extend(findings);
    conditions.push(match find(input, SCHEDULED) {
        Some(scheduled) => scheduled.clone(),
        None => condition(input, SCHEDULED, Finding::holds()),
    });
    let others = input.previous.conditions.iter().flatten();
    conditions.extend(
        others
            .filter(|other| !OWN.contains(&other.type_.as_str()))
            .cloned(),
    );
    conditions
}

/// What a pod asks for and has not got, and what it is about to get. There only while that is so.
fn resizing(input: StatusInput<'_>, phase: &str) -> Vec<PodCondition> {
    if phase::is_last(Some(phase)) {
        return Vec::new();
    }
    let resizing = &input.memory.resizing;
    let deferred = resizing.deferred.as_ref().map(|deferred| PodCondition {
        type_: RESIZE_PENDING.to_owned(),
        reason: Some("Deferred".to_owned()),
        message: Some(deferred.message.clone()),
        observed_generation: deferred.generation,
        ..PodCondition::default()
    });
    let in_progress = resizing.in_progress.as_ref().map(|in_progress| PodCondition {
        type_: RESIZE_IN_PROGRESS.to_owned(),
        reason: in_progress.error.as_ref().map(|_| "Error".to_owned()),
        message: in_progress.error.clone(),
        observed_generation: in_progress.generation,
        ..PodCondition::default()
    });
    let conditions = deferred.into_iter().chain(in_progress);
    conditions.map(|condition| since(input, condition)).collect()
}

/// It holds since it came, or since the reason changed.
fn since(input: StatusInput<'_>, condition: PodCondition) -> PodCondition {
    let before = find(input, &condition.type_).filter(|before| before.reason == condition.reason);
    let since = before.and_then(|before| before.last_transition_time.clone());
    PodCondition {
        status: "True".to_owned(),
        last_transition_time: since.or(Some(Time(input.now))),
        ..condition
    }
}

fn find<'a>(input: StatusInput<'a>, kind: &str) -> Option<&'a PodCondition> {
    let mut conditions = input.previous.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == kind)
}

fn condition(input: StatusInput<'_>, kind: &str, finding: Finding) -> PodCondition {
    let status = if finding.holds { "True" } else { "False" };
    let since = find(input, kind)
        .filter(|before| before.status == status)
        .and_then(|before| before.last_transition_time.clone());
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        last_transition_time: since.or(Some(Time(input.now))),
        reason: finding.reason.map(str::to_owned),
        message: finding.message,
        observed_generation: input.pod.object().metadata.generation,
        ..PodCondition::default()
    }
}

fn sandbox(input: StatusInput<'_>) -> Finding {
    match input.observed.current_sandbox() {
        Some(sandbox) if input.pod.is_host_network() || !sandbox.ips.is_empty() => Finding::holds(),
        _ => Finding {
            holds: false,
            reason: None,
            message: None,
        },
    }
}

fn initialized(
    input: StatusInput<'_>,
    phase: &str,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> Finding {
    if phase == phase::SUCCEEDED {
        return Finding {
            reason: Some("PodCompleted"),
            ..Finding::holds()
        };
    }
    // Once a main container was made, the init containers had done their work.
    if main.iter().any(|status| status.container_id.is_some()) {
        return Finding::holds();
    }
    let is_sidecar = |name: &str| {
        input
            .pod
            .member(name)
            .is_some_and(|member| member.role == Role::Sidecar)
    };
    let incomplete = init.iter().filter(|status| {
        if is_sidecar(&status.name) {
            status.started != Some(true)
        } else {
            !status.ready
        }
    });
    match names(incomplete) {
        None => Finding::holds(),
        Some(names) => Finding::fails(
            "ContainersNotInitialized",
            format!("containers with incomplete status: {names}"),
        ),
    }
}

fn containers_ready(
    input: StatusInput<'_>,
    phase: &str,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
) -> Finding {
    match phase {
        phase::SUCCEEDED => return Finding::fails("PodCompleted", None),
        phase::FAILED => return Finding::fails("PodFailed", None),
        _ => {}
    }
    let is_sidecar = |name: &str| {
        input
            .pod
            .member(name)
            .is_some_and(|member| member.role == Role::Sidecar)
    };
    let unready = init
        .iter()
        .filter(|status| is_sidecar(&status.name))
        .chain(main)
        .filter(|status| !status.ready);
    match names(unready) {
        None => Finding::holds(),
        Some(names) => Finding::fails(
            "ContainersNotReady",
            format!("containers with unready status: {names}"),
        ),
    }
}

/// All containers are ready, and everything else that must agree does.
fn ready(input: StatusInput<'_>, phase: &str, init: &[ContainerStatus], main: &[ContainerStatus]) -> Finding {
    let containers = containers_ready(input, phase, init, main);
    if !containers.holds {
        return containers;
    }
    let gates = input.pod.spec().readiness_gates.iter().flatten();
    let complaints: Vec<String> = gates
        .filter_map(|gate| match find(input, &gate.condition_type) {
            None => Some(format!(
                "corresponding condition of pod readiness gate {:?} does not exist.",
                gate.condition_type
            )),
            Some(condition) if condition.status != "True" => Some(format!(
                "the status of pod readiness gate {:?} is not \"True\", but {}",
                gate.condition_type, condition.status
            )),
            Some(_) => None,
        })
        .collect();
    if complaints.is_empty() {
        Finding::holds()
    } else {
        Finding::fails("ReadinessGatesNotReady", complaints.join(", "))
    }
}

/// `[a b]`, or none if there are none.
fn names<'a>(statuses: impl Iterator<Item = &'a ContainerStatus>) -> Option<String> {
    let names: Vec<&str> = statuses.map(|status| status.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("[{}]", names.join(" ")))
}
