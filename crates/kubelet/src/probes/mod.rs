//! Probes: whether containers have started, live, and are ready.

mod attempt;
mod dial;
mod grpc;
pub mod http;
mod tally;
mod worker;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cri::ContainerRuntime;
use crate::plan::Verdict;
use crate::pod::{Member, PodToRun};

/// What a probe is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl fmt::Display for ProbeKind {
    /// As events have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        })
    }
}

/// Something a probe found: a new verdict, or an attempt that failed, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub pod_uid: String,
    /// The container's name.
    pub container: String,
    pub instance_id: String,
    pub kind: ProbeKind,
    /// None: it is as it was.
    pub verdict: Option<Verdict>,
    /// What the Event (a warning) says; none for an attempt that did not fail.
    pub message: Option<String>,
}

impl Finding {
    /// The reason of the Event.
    pub fn reason(&self) -> &'static str {
        let warns = self
            .message
            .as_deref()
            .is_some_and(|text| text.starts_with(&warning(self.kind)));
        if warns { "ProbeWarning" } else { "Unhealthy" }
    }
}

/// How the text about a success begins that someone should know of.
fn warning(kind: ProbeKind) -> String {
    format!("{kind} probe warning: ")
}

/// The probes of a node's containers.
pub struct Probes {
    runtime: Arc<dyn ContainerRuntime>,
    sink: mpsc::UnboundedSender<Finding>,
    followed: Mutex<HashMap<String, Followed>>,
}

struct Followed {
    /// Ends all probes of the instance.
    all: CancellationToken,
    /// Ends those that would start it again.
    killing: CancellationToken,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.all.cancel();
    }
}

impl Probes {
    /// Probes that tell what they find.
    pub fn new(runtime: Arc<dyn ContainerRuntime>, sink: mpsc::UnboundedSender<Finding>) -> Self {
        Self {
            runtime,
            sink,
            followed: Mutex::default(),
        }
    }

    /// Probes a running instance from now on, if its container has probes. Following what is followed changes nothing.
    pub fn follow(
        &self,
        pod: &PodToRun,
        member: &Member,
        instance_id: &str,
        started_at: Timestamp,
        pod_ip: Option<IpAddr>,
    ) {
        let container = &member.container;
        let has_probe = container.startup_probe.is_some()
            || container.liveness_probe.is_some()
            || container.readiness_probe.is_some();
        let mut followed = self.followed.lock();
        if !has_probe || followed.contains_key(instance_id) {
            return;
        }
        let all = CancellationToken::new();
        let killing = all.child_token();
        let target = Target {
            runtime: self.runtime.clone(),
            sink: self.sink.clone(),
            pod_uid: pod.uid().to_owned(),
            instance_id: instance_id.to_owned(),
            container: container.clone(),
            started_at,
            pod_ip,
        };
        let work = worker::run(target, killing.clone());
        let ended = all.clone();
        tokio::spawn(async move { ended.run_until_cancelled_owned(work).await });
        followed.insert(instance_id.to_owned(), Followed { all, killing });
    }

    /// An instance is about to end: it is probed for readiness only.
    pub fn ending(&self, instance_id: &str) {
        if let Some(followed) = self.followed.lock().get(instance_id) {
            followed.killing.cancel();
        }
    }

    /// Ends the probes of an instance.
    pub fn forget(&self, instance_id: &str) {
        self.followed.lock().remove(instance_id);
    }
}

/// What is probed, and whom to tell.
#[derive(Clone)]
struct Target {
    runtime: Arc<dyn ContainerRuntime>,
    sink: mpsc::UnboundedSender<Finding>,
    pod_uid: String,
    instance_id: String,
    container: Container,
    started_at: Timestamp,
    pod_ip: Option<IpAddr>,
}

impl Target {
    fn probe(&self, kind: ProbeKind) -> Option<&Probe> {
        match kind {
            ProbeKind::Startup => self.container.startup_probe.as_ref(),
            ProbeKind::Liveness => self.container.liveness_probe.as_ref(),
            ProbeKind::Readiness => self.container.readiness_probe.as_ref(),
        }
    }

    fn tell(&self, kind: ProbeKind, verdict: Option<Verdict>, message: Option<String>) {
        if verdict.is_none() && message.is_none() {
            return;
        }
        // Nobody is left to tell when the kubelet ends.
        let _ = self.sink.send(Finding {
            pod_uid: self.pod_uid.clone(),
            container: self.container.name.clone(),
            instance_id: self.instance_id.clone(),
            kind,
            verdict,
            message,
        });
    }
}

/// The number of a container's port, by number or by name.
pub fn container_port(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|port| port.name.as_deref() == Some(name));
            match named {
                Some(port) => port.container_port,
                None => name.parse().map_err(|_| format!("couldn't find port: {name}"))?,
            }
        }
    };
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("invalid port number: {number}")),
    }
}

#[cfg(test)]
mod secure_tests;
#[cfg(test)]
mod tests;
