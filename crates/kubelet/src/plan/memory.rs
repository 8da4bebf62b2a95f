//! What a pod's worker remembers between its steps: what the runtime cannot tell.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::action::StopReason;
use super::backoff::Backoff;
use super::observed::Instance;
use crate::images::PullWait;
use crate::resize::{Given, Resizing};

/// The memory of one pod's worker.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Whether the pod's volumes are there.
    pub volumes_ready: bool,
    /// Not before this moment are the volumes tried again.
    pub volumes_retry_at: Option<Timestamp>,
    /// How often they were tried in vain.
    pub volumes_backoff: Option<Backoff>,
    /// Not before this moment is a sandbox tried again.
    pub sandbox_retry_at: Option<Timestamp>,
    /// Sandboxes whose network was taken away.
    pub stopped_sandboxes: BTreeSet<String>,
    /// What is being done right now.
    pub busy: Busy,
    /// Restarts of containers, by name.
    pub restarts: BTreeMap<String, Backoff>,
    /// Containers that could not be started, by name.
    pub failures: BTreeMap<String, StartFailure>,
    /// What probes found, by id of the instance.
    pub health: BTreeMap<String, Health>,
    /// Restarts that were seen in the API, by name: the least a count may be.
    pub restart_floor: BTreeMap<String, u32>,
    /// What the next runs of containers are made with, by name.
    pub made_with: BTreeMap<String, Given>,
    /// What instances have that were there already, or were changed since, by id.
    pub given: BTreeMap<String, Given>,
    /// Why instances were stopped, by id.
    pub stopped: BTreeMap<String, StopReason>,
    /// How far changes of what the pod may use are.
    pub resizing: Resizing,
}

/// Work in progress. Nothing is done twice at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    pub volumes: bool,
    /// Making a sandbox, or stopping or removing one.
    pub sandbox: bool,
    /// The container that is being started: at most one, since they start in order.
    pub starting: Option<String>,
    /// Instances that are being stopped, by id, and by when they will be gone.
    pub stopping: BTreeMap<String, Timestamp>,
    /// Instances that are being removed, by id.
    pub removing: BTreeSet<String>,
    /// Instances are being given other amounts.
    pub resizing: bool,
}

/// A container that could not be started, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    /// `ErrImagePull`, `CreateContainerConfigError`, ...
    pub reason: String,
    pub message: String,
    /// What is said while waiting for the next try, if not the same.
    pub waiting: Option<PullWait>,
    pub at: Timestamp,
    pub retry_at: Timestamp,
    pub backoff: Backoff,
}

/// What probes found out about an instance. None: that probe has no verdict yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub startup: Option<Verdict>,
    pub liveness: Option<Verdict>,
    pub readiness: Option<Verdict>,
}

/// The verdict of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Success,
    Failure,
}

impl Memory {
    /// Whether a running instance counts as started: its startup probe, if there is one, has succeeded.
    pub fn is_started(&self, instance_id: &str, has_startup_probe: bool) -> bool {
        !has_startup_probe || self.health(instance_id).startup == Some(Verdict::Success)
    }

    /// Whether a running instance can take traffic.
    pub fn is_ready(&self, instance_id: &str, has_readiness_probe: bool) -> bool {
        !has_readiness_probe || self.health(instance_id).readiness == Some(Verdict::Success)
    }

    /// Whether an instance was stopped so that it runs anew with other amounts.
    pub fn is_resized(&self, instance_id: &str) -> bool {
        self.stopped.get(instance_id) == Some(&StopReason::Resized)
    }

    /// What an instance has, if that is known.
    pub fn given(&self, instance: &Instance) -> Option<&Given> {
        let own = self.given.get(&instance.id);
        own.or_else(|| self.made_with.get(&instance.name))
    }

    pub fn health(&self, instance_id: &str) -> Health {
        self.health.get(instance_id).cloned().unwrap_or_default()
    }
}
