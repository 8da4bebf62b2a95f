//! The next step of a pod that is to run: sandbox, then init containers and sidecars in order, then the main containers.

use std::time::Duration;

use jiff::Timestamp;

use super::action::{Action, Plan, StopReason, Waiting};
use super::backoff::{Backoff, SLOW, later};
use super::memory::Verdict;
use super::observed::{Instance, InstanceState, Sandbox};
use super::{Input, progress, restarts};
use crate::pod::{Member, Role};
use crate::resize::{Change, Given};

pub fn plan(input: Input<'_>, plan: &mut Plan) {
    if !input.memory.volumes_ready {
        mount_volumes(input, plan);
        return;
    }
    let Some(sandbox) = input.observed.current_sandbox() else {
        replace_sandbox(input, plan);
        return;
    };
    let mut containers = Containers {
        input,
        sandbox,
        plan,
        to_resize: Vec::new(),
    };
    containers.step();
    containers.resize();
    prune(input, sandbox, plan);
}

fn mount_volumes(input: Input<'_>, plan: &mut Plan) {
    if input.memory.busy.volumes {
        return;
    }
    if due(input, input.memory.volumes_retry_at, plan) {
        plan.act(Action::MountVolumes);
    }
}

/// Whether the time has come; if not, plans to wake up then.
fn due(input: Input<'_>, at: Option<Timestamp>, plan: &mut Plan) -> bool {
    match at {
        Some(at) if at > input.now => {
            plan.wake_at(at);
            false
        }
        _ => true,
    }
}

/// Makes a sandbox, after what an earlier one left was taken away: its addresses and ports may be needed again.
fn replace_sandbox(input: Input<'_>, plan: &mut Plan) {
    if input.memory.busy.sandbox {
        return;
    }
    let stopped = &input.memory.stopped_sandboxes;
    let left = input
        .observed
        .sandboxes
        .iter()
        .find(|sandbox| !stopped.contains(&sandbox.id));
    if let Some(sandbox) = left {
        plan.act(Action::StopSandbox {
            id: sandbox.id.clone(),
        });
    } else if due(input, input.memory.sandbox_retry_at, plan) {
        let attempt = input
            .observed
            .sandboxes
            .first()
            .map_or(0, |newest| newest.attempt + 1);
        plan.act(Action::CreateSandbox { attempt });
    }
}

/// Planning the containers of a pod whose sandbox is there.
struct Containers<'a> {
    input: Input<'a>,
    sandbox: &'a Sandbox,
    plan: &'a mut Plan,
    /// Containers that run and are granted other amounts, and whether that is less of something.
    to_resize: Vec<(bool, String, String)>,
}

impl<'a> Containers<'a> {
    fn step(&mut self) {
        let pod = self.input.pod;
        let initialized = progress::mains_were_made(pod, self.input.observed);
        for member in pod.starters() {
            match member.role {
                Role::Init if initialized => {}
                _ if self.keep_up(member) || initialized => {}
                _ => return,
            }
        }
        for member in pod.of_role(Role::Ephemeral) {
            if self.input.observed.newest(member.name()).is_none() {
                self.start(member);
            }
        }
        for member in pod.of_role(Role::Main) {
            self.keep_up(member);
        }
    }

    /// Does what a container needs. True once the next one in order may start.
    fn keep_up(&mut self, member: &Member) -> bool {
        let Some(instance) = self.instance(member) else {
            self.start(member);
            return false;
        };
        match &instance.state {
            InstanceState::Running { .. } => {
                let has_probe = member.container.startup_probe.is_some();
                let started =
                    self.input.memory.is_started(&instance.id, has_probe) && !self.is_starting(member);
                self.look_after(member, instance);
                member.role == Role::Sidecar && started
            }
            InstanceState::Exited(exit) => {
                let restarts = restarts(self.input.pod, self.input.memory, member, instance);
                if restarts {
                    self.plan.resizing |= self.input.memory.is_resized(&instance.id);
                    self.restart(member, exit.finished_at);
                }
                !restarts && exit.code == 0
            }
            InstanceState::Created => {
                // What was made but not started is left over from a kubelet that ended in between.
                if !self.is_starting(member) {
                    self.remove(instance);
                }
                false
            }
            InstanceState::Unknown => {
                self.stop(member, instance, StopReason::Lost);
                false
            }
        }
    }

    /// The run that counts: the newest. What ran before the main containers must run again in a new sandbox.
    fn instance(&self, member: &Member) -> Option<&'a Instance> {
        let newest = self.input.observed.newest(member.name())?;
        match member.role {
            Role::Init | Role::Sidecar => {
                Some(newest).filter(|instance| instance.sandbox_id == self.sandbox.id)
            }
            Role::Main | Role::Ephemeral => Some(newest),
        }
    }

    fn look_after(&mut self, member: &Member, instance: &Instance) {
        let health = self.input.memory.health(&instance.id);
        let why = if !instance.hash.is_empty() && instance.hash != member.hash {
            StopReason::Changed
        } else if health.startup == Some(Verdict::Failure) {
            StopReason::StartupFailed
        } else if health.liveness == Some(Verdict::Failure) {
            StopReason::LivenessFailed
        } else {
            return self.fit(member, instance);
        };
        self.stop(member, instance, why);
    }

    /// Sees to it that what runs has what it is granted.
    fn fit(&mut self, member: &Member, instance: &Instance) {
        let wanted = Given::to(self.input.pod, member);
        let policies = member.container.resize_policy.as_deref().unwrap_or_default();
        let given = self.input.memory.given(instance);
        let Some(change) = given.and_then(|given| given.change(&wanted, policies)) else {
            return;
        };
        self.plan.resizing = true;
        match change {
            Change::Restart => self.stop(member, instance, StopReason::Resized),
            Change::InPlace { less } => {
                let (name, id) = (instance.name.clone(), instance.id.clone());
                self.to_resize.push((less, name, id));
            }
        }
    }

    /// Those that get less come first: what they leave may be what others get.
    fn resize(&mut self) {
        if self.to_resize.is_empty() || self.input.memory.busy.resizing {
            return;
        }
        if due(self.input, self.input.memory.resizing.retry_at, self.plan) {
            let mut to_resize = std::mem::take(&mut self.to_resize);
            to_resize.sort_by_key(|(less, _, _)| !less);
            let names_and_ids = to_resize.into_iter().map(|(_, name, id)| (name, id)).collect();
            self.plan.act(Action::Resize { names_and_ids });
        }
    }

    fn stop(&mut self, member: &Member, instance: &Instance, why: StopReason) {
        if self.input.memory.busy.stopping.contains_key(&instance.id) {
            return;
        }
        self.plan.act(Action::StopContainer {
            name: member.name().to_owned(),
            id: instance.id.clone(),
            deadline: later(self.input.now, grace(self.input, member, why)),
            why,
        });
    }

    fn remove(&mut self, instance: &Instance) {
        if !self.input.memory.busy.removing.contains(&instance.id) {
            self.plan.act(Action::RemoveContainer {
                id: instance.id.clone(),
            });
        }
    }

    fn restart(&mut self, member: &Member, finished_at: Timestamp) {
        // Its wait is over; the next one counts only once this run has ended too.
        if self.is_starting(member) {
            return;
        }
        let entry = self.input.memory.restarts.get(member.name());
        let pause = Backoff::pause(entry, SLOW, finished_at);
        let at = later(finished_at, pause);
        if at <= self.input.now {
            self.start(member);
            return;
        }
        self.plan.wake_at(at);
        let pause = meta::Duration::from_nanos(i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX));
        let waiting = Waiting {
            reason: "CrashLoopBackOff".to_owned(),
            message: format!(
                "back-off {pause} restarting failed container={} pod={}",
                member.name(),
                self.input.pod.described()
            ),
        };
        self.plan.waiting.insert(member.name().to_owned(), waiting);
    }

    fn is_starting(&self, member: &Member) -> bool {
        self.input.memory.busy.starting.as_deref() == Some(member.name())
    }

    /// Starts a container, unless another one is being started (they start in order, and the hook of one may be what the
    /// next one needs) or it failed to start a short while ago.
    fn start(&mut self, member: &Member) {
        if let Some(failure) = self.input.memory.failures.get(member.name())
            && failure.retry_at > self.input.now
        {
            self.plan.wake_at(failure.retry_at);
            return;
        }
        let one_starts = self
            .plan
            .actions
            .iter()
            .any(|a| matches!(a, Action::StartContainer { .. }));
        if one_starts || self.input.memory.busy.starting.is_some() {
            return;
        }
        let newest = self.input.observed.newest(member.name());
        let floor = self.input.memory.restart_floor.get(member.name()).copied();
        self.plan.act(Action::StartContainer {
            name: member.name().to_owned(),
            restart_count: newest.map(|i| i.restart_count + 1).max(floor).unwrap_or(0),
            previous_end: newest.and_then(Instance::exit).map(|exit| exit.finished_at),
        });
    }
}

/// How long a container is given to end. A probe may say otherwise than the pod.
fn grace(input: Input<'_>, member: &Member, why: StopReason) -> Duration {
    let probe = match why {
        StopReason::LivenessFailed => member.container.liveness_probe.as_ref(),
        StopReason::StartupFailed => member.container.startup_probe.as_ref(),
        StopReason::PodStops | StopReason::Changed | StopReason::Resized | StopReason::Lost => None,
    };
    let seconds = probe
        .and_then(|probe| probe.termination_grace_period_seconds)
        .or(input.pod.spec().termination_grace_period_seconds)
        .unwrap_or(30);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Removes ended runs that nobody needs: one per container is kept beside the newest, for its log and its end.
fn prune(input: Input<'_>, sandbox: &Sandbox, plan: &mut Plan) {
    let busy = &input.memory.busy;
    for member in input.pod.members() {
        let kept = match input.observed.newest(member.name()) {
            Some(newest) if newest.exit().is_some() => 1,
            _ => 2,
        };
        for instance in input.observed.instances(member.name()).skip(kept) {
            if instance.exit().is_some() && !busy.removing.contains(&instance.id) {
                plan.act(Action::RemoveContainer {
                    id: instance.id.clone(),
                });
            }
        }
    }
    if busy.sandbox {
        return;
    }
    let is_empty = |id: &str| {
        !input
            .observed
            .containers
            .iter()
            .any(|container| container.sandbox_id == id)
    };
    let old = input
        .observed
        .sandboxes
        .iter()
        .find(|old| old.id != sandbox.id && !old.ready && is_empty(&old.id));
    if let Some(old) = old {
        plan.act(Action::RemoveSandbox { id: old.id.clone() });
    }
}
