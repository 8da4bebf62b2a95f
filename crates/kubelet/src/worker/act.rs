//! Starts what a plan asks for, and takes in what came of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::done::Done;
use super::execute::{Start, StartError, Stop};
use super::task::{Stage, Task, Wake};
use crate::container::logs::links;
use crate::images::PullWait;
use crate::plan::{
    Action, Backoff, Busy, Intent, MOUNT, Memory, Observed, Plan, QUICK, SLOW, StartFailure, StopReason,
    later,
};
use crate::pod::{PodToRun, restarts_after};
use crate::resize::Given;
use crate::status::FRESH;

/// The pause before the kubelet's own work is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// The pause after a runtime did not do what it was asked.
const RUNTIME_RETRY: Duration = Duration::from_secs(1);
/// The exit code of what could not be started, as the runtime has it.
const START_ERROR: i32 = 128;

impl Task {
    pub fn act(&mut self, action: Action, observed: &Observed, now: Timestamp) {
        match action {
            Action::MountVolumes => self.mount(),
            Action::CreateSandbox { attempt } => self.create_sandbox(attempt),
            Action::StopSandbox { id } => self.stop_sandbox(id),
            Action::RemoveSandbox { id } => self.remove_sandbox(id),
            Action::StartContainer {
                name,
                restart_count,
                previous_end,
            } => {
                if let Some(end) = previous_end {
                    let before = self.memory.restarts.get(&name);
                    let backoff = Backoff::advance(before, SLOW, end, now);
                    self.memory.restarts.insert(name.clone(), backoff);
                }
                self.start(&name, restart_count, observed);
            }
            Action::CancelStart { .. } => {
                if let Some(starting) = &self.starting {
                    starting.cancel();
                }
            }
            Action::StopContainer {
                name,
                id,
                deadline,
                why,
            } => self.stop(name, id, deadline, why, observed),
            Action::RemoveContainer { id } => self.remove(id, observed),
            Action::Resize { names_and_ids } => self.resize(names_and_ids),
        }
    }

    /// Makes the volumes, or brings them up to date.
    pub fn mount(&mut self) {
        self.memory.busy.volumes = true;
        let (tools, pod) = (self.tools.clone(), self.pod.clone());
        self.work.spawn(async move {
            let mounted = tools.volumes.mount(&pod).await;
            Done::Volumes(mounted.map(Arc::new).map_err(|error| error.to_string()))
        });
    }

    fn create_sandbox(&mut self, attempt: u32) {
        self.memory.busy.sandbox = true;
        let (tools, pod) = (self.tools.clone(), self.pod.clone());
        if attempt > 0 {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            tools.voice.note(&pod, "SandboxChanged", message);
        }
        self.work
            .spawn(async move { Done::SandboxCreated(tools.create_sandbox(&pod, attempt).await) });
    }

    fn stop_sandbox(&mut self, id: String) {
        self.memory.busy.sandbox = true;
        let (tools, pod) = (self.tools.clone(), self.pod.clone());
        self.work.spawn(async move {
            let stopped = tools.stop_sandbox(&pod, &id).await.is_ok();
            if !stopped {
                tokio::time::sleep(RUNTIME_RETRY).await;
            }
            Done::SandboxStopped { id, stopped }
        });
    }

    fn remove_sandbox(&mut self, id: String) {
        self.memory.busy.sandbox = true;
        let tools = self.tools.clone();
        self.work.spawn(async move {
            if let Err(error) = tools.runtime.remove_sandbox(&id).await {
                tracing::warn!(id, %error, "sandbox not removed");
                tokio::time::sleep(RUNTIME_RETRY).await;
            }
            Done::SandboxRemoved
        });
    }

    fn start(&mut self, name: &str, restart_count: u32, observed: &Observed) {
        let (Some(member), Some(sandbox), Some(volumes)) = (
            self.member(name),
            observed.current_sandbox(),
            self.volumes.clone(),
        ) else {
            return;
        };
        let target = member
            .target
            .as_deref()
            .and_then(|target| observed.newest(target));
        let start = Start {
            pod: self.pod.clone(),
            target_id: target
                .filter(|target| target.is_running())
                .map(|target| target.id.clone()),
            member,
            restart_count,
            sandbox_id: sandbox.id.clone(),
            sandbox_attempt: sandbox.attempt,
            sandbox_ips: sandbox.ips.clone(),
            volumes,
        };
        self.memory.busy.starting = Some(name.to_owned());
        let given = Given::to(&self.pod, &start.member);
        self.memory.made_with.insert(name.to_owned(), given);
        let cancelled = CancellationToken::new();
        self.starting = Some(cancelled.clone());
        let tools = self.tools.clone();
        let name = name.to_owned();
        self.work.spawn(async move {
            let result = cancelled
                .run_until_cancelled_owned(tools.start_container(&start))
                .await;
            Done::Started { name, result }
        });
    }

    fn stop(&mut self, name: String, id: String, deadline: Timestamp, why: StopReason, observed: &Observed) {
        self.memory.stopped.insert(id.clone(), why);
        let again = self.memory.busy.stopping.insert(id.clone(), deadline).is_some();
        self.tools.probes.ending(&id);
        let sandbox_ips = observed
            .sandboxes
            .first()
            .map(|sandbox| sandbox.ips.as_slice())
            .unwrap_or_default();
        let stop = Stop {
            pod_ip: self.tools.pod_ip(&self.pod, sandbox_ips),
            pod: self.pod.clone(),
            member: self.member(&name),
            name,
            id: id.clone(),
            deadline,
            why,
            again,
        };
        let tools = self.tools.clone();
        self.work.spawn(async move {
            if let Err(error) = tools.stop_container(&stop).await {
                tracing::warn!(id, %error, "container not stopped");
                tokio::time::sleep(RUNTIME_RETRY).await;
            }
            Done::Stopped { id, deadline }
        });
    }

    fn remove(&mut self, id: String, observed: &Observed) {
        self.memory.busy.removing.insert(id.clone());
        let instance = observed.containers.iter().find(|instance| instance.id == id);
        let log = instance
            .map(|instance| instance.log_path.clone())
            .unwrap_or_default();
        let tools = self.tools.clone();
        self.work.spawn(async move {
            if let Err(error) = tools.remove_container(&id, &log).await {
                tracing::warn!(id, error, "container not removed");
                tokio::time::sleep(RUNTIME_RETRY).await;
            }
            Done::Removed { id }
        });
    }

    /// Takes in what came of a piece of work.
    pub fn take(&mut self, done: Done) {
        let now = Timestamp::now();
        // Whatever it was, the runtime may have something new to tell.
        self.handle.changed(None);
        let memory = &mut self.memory;
        match done {
            Done::Volumes(result) => {
                memory.busy.volumes = false;
                let failures = memory.volumes_backoff.take();
                memory.volumes_backoff =
                    (result.is_err()).then(|| Backoff::advance(failures.as_ref(), MOUNT, now, now));
                memory.volumes_retry_at = memory.volumes_backoff.map(|backoff| later(now, backoff.delay()));
                // What was there once stays, if it could not be brought up to date.
                memory.volumes_ready |= result.is_ok();
                match result {
                    Ok(volumes) => self.volumes = Some(volumes),
                    Err(message) => self.tools.voice.warn(&self.pod, "FailedMount", message),
                }
            }
            Done::SandboxCreated(result) => {
                memory.busy.sandbox = false;
                memory.sandbox_retry_at = result.is_err().then(|| later(now, RETRY));
            }
            Done::SandboxStopped { id, stopped } => {
                memory.busy.sandbox = false;
                if stopped {
                    memory.stopped_sandboxes.insert(id);
                }
            }
            Done::SandboxRemoved => memory.busy.sandbox = false,
            Done::Started { name, result } => {
                memory.busy.starting = None;
                self.starting = None;
                started(memory, &self.pod, name, result, now);
            }
            Done::Stopped { id, deadline } => {
                // An earlier, more patient attempt says nothing of the later one.
                if memory.busy.stopping.get(&id) == Some(&deadline) {
                    memory.busy.stopping.remove(&id);
                }
            }
            Done::Removed { id } => {
                memory.busy.removing.remove(&id);
            }
            Done::Resized(resized) => self.resized(resized, now),
            Done::Released(done) => self.released(done),
            Done::Cleared(done) => self.cleared(done),
        }
    }

    /// A piece of work panicked: whatever it was, the next plan starts from what there is.
    pub fn recover(&mut self, error: &JoinError) {
        tracing::error!(pod = self.pod.described(), %error, "work on a pod broke off");
        self.work.abort_all();
        self.memory.busy = Busy::default();
        self.starting = None;
        if self.stage == Stage::Releasing {
            self.stage = Stage::Alive;
        }
        self.handle.changed(None);
    }

    /// Probes and logs of what runs; no more of what does not.
    pub fn follow(&mut self, observed: &Observed, intent: &Intent) {
        let is_starting = |name: &str| self.memory.busy.starting.as_deref() == Some(name);
        let sandbox_ips = observed
            .current_sandbox()
            .map(|sandbox| sandbox.ips.as_slice())
            .unwrap_or_default();
        let pod_ip = self.tools.pod_ip(&self.pod, sandbox_ips);
        let mut running = Vec::new();
        for instance in &observed.containers {
            let crate::plan::InstanceState::Running { started_at } = instance.state else {
                continue;
            };
            running.push(instance.id.clone());
            let Some(member) = self
                .pod
                .member(&instance.name)
                .filter(|_| !is_starting(&instance.name))
            else {
                continue;
            };
            if *intent != Intent::Run || self.followed.contains(&instance.id) {
                continue;
            }
            self.tools
                .probes
                .follow(&self.pod, member, &instance.id, started_at, pod_ip);
            if !instance.log_path.is_empty() {
                let log = Path::new(&instance.log_path);
                self.tools.logs.follow(&instance.id, log);
                if let Err(error) = links::make(log, &instance.id) {
                    tracing::warn!(%error, log = instance.log_path, "no link to a container's log");
                }
            }
            self.followed.insert(instance.id.clone());
        }
        let ended: Vec<String> = self
            .followed
            .iter()
            .filter(|id| !running.contains(id))
            .cloned()
            .collect();
        for id in ended {
            self.unfollow(&id);
            self.followed.remove(&id);
        }
    }

    /// Events of containers that wait, once for each wait.
    pub fn tell_waits(&mut self, observed: &Observed, plan: &Plan, now: Timestamp, wake_at: &mut Wake) {
        for name in plan.waiting.keys() {
            let Some((member, ended)) = self.member(name).zip(observed.newest(name)) else {
                continue;
            };
            if self.told.insert(name.clone(), ended.id.clone()).as_ref() != Some(&ended.id) {
                let message = format!(
                    "Back-off restarting failed container {name} in pod {}",
                    self.pod.described()
                );
                self.tools.voice.warn_of(&self.pod, &member, "BackOff", message);
            }
        }
        for (name, failure) in &self.memory.failures {
            let shows_at = later(failure.at, FRESH);
            if now < shows_at {
                wake_at.at(shows_at);
                continue;
            }
            let Some(PullWait { image, .. }) = &failure.waiting else {
                continue;
            };
            let Some(member) = self.pod.member(name) else {
                continue;
            };
            let this_time = failure.at.to_string();
            if self.told.insert(name.clone(), this_time.clone()).as_ref() != Some(&this_time) {
                let message = format!("Back-off pulling image {image:?}");
                self.tools.voice.note_of(&self.pod, member, "BackOff", message);
                self.tools.voice.warn_of(
                    &self.pod,
                    member,
                    "Failed",
                    format!("Error: {}", PullWait::REASON),
                );
            }
        }
    }
}

/// Remembers how the start of a container went.
fn started(
    memory: &mut Memory,
    pod: &PodToRun,
    name: String,
    result: Option<Result<(), StartError>>,
    now: Timestamp,
) {
    let Some(result) = result else { return };
    let Err(error) = result else {
        memory.failures.remove(&name);
        return;
    };
    // What was made and has ended for good shows as that.
    let tried_again = |member| restarts_after(member, pod.restart_policy(), START_ERROR);
    if error.ran && !pod.member(&name).is_some_and(tried_again) {
        memory.failures.remove(&name);
        return;
    }
    let rule = if error.ran { QUICK } else { error.rule() };
    let before = memory
        .failures
        .get(&name)
        .filter(|before| before.reason == error.reason);
    let backoff = Backoff::advance(before.map(|before| &before.backoff), rule, now, now);
    let failure = StartFailure {
        reason: error.reason,
        message: error.message,
        waiting: error.waiting,
        at: now,
        retry_at: later(now, backoff.delay()),
        backoff,
    };
    memory.failures.insert(name, failure);
}
