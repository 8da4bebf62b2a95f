//! The next step of a pod that is to end: first the main containers, then the sidecars from last to first, then the
//! sandbox.

use jiff::Timestamp;

use super::action::{Action, Plan, StopReason};
use super::observed::Instance;
use super::{Input, MIN_GRACE, later};
use crate::pod::Role;

pub fn plan(input: Input<'_>, deadline: Timestamp, plan: &mut Plan) {
    let busy = &input.memory.busy;
    if let Some(name) = &busy.starting {
        plan.act(Action::CancelStart { name: name.clone() });
        return;
    }
    let running: Vec<&Instance> = input
        .observed
        .containers
        .iter()
        .filter(|instance| instance.is_running())
        .collect();
    for instance in next_to_stop(input, &running) {
        stop(input, instance, deadline, plan);
    }
    if !running.is_empty() || busy.volumes || !busy.stopping.is_empty() || busy.sandbox {
        return;
    }
    let ready = input.observed.sandboxes.iter().find(|sandbox| {
        // One that died of itself still holds its network.
        sandbox.ready || !input.memory.stopped_sandboxes.contains(&sandbox.id)
    });
    match ready {
        Some(sandbox) => plan.act(Action::StopSandbox {
            id: sandbox.id.clone(),
        }),
        None => plan.over = true,
    }
}

/// All containers that are not sidecars, at once; when they are gone, the last sidecar.
fn next_to_stop<'a>(input: Input<'_>, running: &[&'a Instance]) -> Vec<&'a Instance> {
    let sidecars: Vec<&str> = input
        .pod
        .of_role(Role::Sidecar)
        .map(|member| member.name())
        .collect();
    let others: Vec<&Instance> = running
        .iter()
        .copied()
        .filter(|instance| !sidecars.contains(&instance.name.as_str()))
        .collect();
    if !others.is_empty() {
        return others;
    }
    let last = sidecars
        .iter()
        .rev()
        .find_map(|name| running.iter().find(|i| i.name == *name));
    last.into_iter().copied().collect()
}

fn stop(input: Input<'_>, instance: &Instance, deadline: Timestamp, plan: &mut Plan) {
    // A sidecar whose turn comes late still gets a moment.
    let is_sidecar = input
        .pod
        .member(&instance.name)
        .is_some_and(|m| m.role == Role::Sidecar);
    let deadline = if is_sidecar {
        deadline.max(later(input.now, MIN_GRACE))
    } else {
        deadline
    };
    let earlier = input.memory.busy.stopping.get(&instance.id);
    // What is being stopped already is stopped again only if it is to be over sooner.
    if earlier.is_none_or(|earlier| deadline < *earlier) {
        plan.act(Action::StopContainer {
            name: instance.name.clone(),
            id: instance.id.clone(),
            deadline,
            why: StopReason::PodStops,
        });
    }
}
