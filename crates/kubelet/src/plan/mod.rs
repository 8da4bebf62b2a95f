//! What to do next for a pod: a pure function of its specification, of what the runtime has, of what is remembered, and of
//! the time.
//!
//! It is called again after everything that happens. Whatever state it finds, its answer is the next step from there, so
//! that nothing depends on having seen how things came to be as they are.

mod action;
mod backoff;
mod memory;
mod observed;
mod progress;
mod run;
mod stop;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

use crate::pod::{Member, PodToRun, restarts_after};

pub use action::{Action, Plan, StopReason};
pub use backoff::{Backoff, BackoffRule, MOUNT, QUICK, SLOW, later};
pub use memory::{Busy, Health, Memory, StartFailure, Verdict};
pub use observed::{Exit, Instance, InstanceState, InstanceUser, Observed, Sandbox};
pub use progress::Progress;

/// What is wanted of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It is to run until it is done.
    Run,
    /// It is to end, and to be gone by then.
    Stop { deadline: Timestamp },
}

/// Everything a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub pod: &'a PodToRun,
    pub intent: &'a Intent,
    pub observed: &'a Observed,
    pub memory: &'a Memory,
    pub now: Timestamp,
}

/// The least time a container is given to end after its hook has used up the rest.
pub const MIN_GRACE: Duration = Duration::from_secs(2);

/// Decides.
pub fn plan(input: Input<'_>) -> Plan {
    let mut plan = Plan::default();
    match input.intent {
        Intent::Stop { deadline } => stop::plan(input, *deadline, &mut plan),
        Intent::Run => match Progress::of(input.pod, input.observed, input.memory) {
            Progress::Done { .. } => stop::plan(input, own_deadline(input), &mut plan),
            Progress::Going => run::plan(input, &mut plan),
        },
    }
    plan
}

/// Whether a container that has ended runs again: by its policy, or because it was stopped for that.
fn restarts(pod: &PodToRun, memory: &Memory, member: &Member, instance: &Instance) -> bool {
    let Some(exit) = instance.exit() else { return false };
    memory.is_resized(&instance.id) || restarts_after(member, pod.restart_policy(), exit.code)
}

/// When what is left of a pod that has done its work, such as a sidecar, is killed.
fn own_deadline(input: Input<'_>) -> Timestamp {
    let seconds = input.pod.spec().termination_grace_period_seconds.unwrap_or(30);
    let grace = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    later(input.now, grace)
}
