//! Does what a plan asks for: the calls to the runtime, and the events about them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::tools::Tools;
use super::voice::Voice;
use crate::container::{ContainerRequest, logs, sandbox_config};
use crate::cri::RuntimeError;
use crate::hooks::{self, HookRequest};
use crate::images::{FolderError, ImageError, ImageEvent, PullWait};
use crate::plan::{BackoffRule, MIN_GRACE, QUICK, SLOW, StopReason};
use crate::pod::{Member, PodToRun};
use crate::volumes::MountedVolumes;

/// Why a container was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    pub reason: String,
    pub message: String,
    /// What is said while waiting for the next try, if not the same.
    pub waiting: Option<PullWait>,
    pub slow: bool,
    /// It was made and has ended: from here on it is a container that failed.
    pub ran: bool,
}

impl StartError {
    fn new(reason: &str, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
            waiting: None,
            slow: false,
            ran: false,
        }
    }

    fn after_start(reason: &str, message: impl Into<String>) -> Self {
        Self {
            ran: true,
            ..Self::new(reason, message)
        }
    }

    /// How long to wait for the next try.
    pub fn rule(&self) -> BackoffRule {
        if self.slow { SLOW } else { QUICK }
    }
}

impl From<ImageError> for StartError {
    fn from(error: ImageError) -> Self {
        Self {
            slow: error.waiting.is_some(),
            waiting: error.waiting.clone(),
            ..Self::new(error.reason, error.message)
        }
    }
}

/// A container that is to be started.
pub struct Start {
    pub pod: Arc<PodToRun>,
    pub member: Member,
    pub restart_count: u32,
    pub sandbox_id: String,
    pub sandbox_attempt: u32,
    pub sandbox_ips: Vec<IpAddr>,
    pub volumes: Arc<MountedVolumes>,
    /// The instance whose processes an ephemeral container sees.
    pub target_id: Option<String>,
}

/// An instance that is to be stopped.
pub struct Stop {
    pub pod: Arc<PodToRun>,
    /// None if it is not in the specification.
    pub member: Option<Member>,
    pub name: String,
    pub id: String,
    pub deadline: Timestamp,
    pub why: StopReason,
    pub pod_ip: Option<IpAddr>,
    /// Whether it is stopped already, and only has less time now.
    pub again: bool,
}

impl Tools {
    pub async fn create_sandbox(&self, pod: &PodToRun, attempt: u32) -> Result<(), String> {
        let made = self.run_sandbox(pod, attempt).await;
        if let Err(message) = &made {
            self.voice.warn(
                pod,
                "FailedCreatePodSandBox",
                format!("Failed to create pod sandbox: {message}"),
            );
        }
        made
    }

    async fn run_sandbox(&self, pod: &PodToRun, attempt: u32) -> Result<(), String> {
        self.cgroups.prepare_pod(pod).map_err(|error| error.to_string())?;
        let config = sandbox_config(pod, &self.node, attempt).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(&config.log_directory)
            .map_err(|error| format!("failed to make the folder of logs: {error}"))?;
        let handler = self.runtime_handler(pod).await?;
        let id = self
            .runtime
            .run_sandbox(&config, &handler)
            .await
            .map_err(|error| error.to_string())?;
        self.owners.learn(&id, pod.uid());
        Ok(())
    }

    pub async fn start_container(&self, start: &Start) -> Result<(), StartError> {
        let Start { pod, member, .. } = start;
        let failed = |error: StartError| {
            self.voice
                .warn_of(pod, member, "Failed", format!("Error: {}", error.message));
            error
        };
        let id = self.create_container(start).await?;
        self.owners.learn(&id, pod.uid());
        self.voice.note_of(pod, member, "Created", "Container created");
        if let Err(error) = self.runtime.start_container(&id).await {
            return Err(failed(StartError::after_start(
                "RunContainerError",
                error.message(),
            )));
        }
        self.voice.note_of(pod, member, "Started", "Container started");
        self.post_start(start, &id).await
    }

    /// Brings the image and makes the container.
    async fn create_container(&self, start: &Start) -> Result<String, StartError> {
        let Start { pod, member, .. } = start;
        let failed = |error: StartError| {
            self.voice
                .warn_of(pod, member, "Failed", format!("Error: {}", error.message));
            error
        };
        let config_error =
            |error: crate::container::ConfigError| failed(StartError::new(error.reason, error.message));
        let sandbox = sandbox_config(pod, &self.node, start.sandbox_attempt).map_err(config_error)?;
        let no_image = |error: ImageError| {
            self.voice
                .warn_of(pod, member, "Failed", format!("Error: {}", error.reason));
            StartError::from(error)
        };
        let about_pod = |event: ImageEvent| report(&self.voice, pod, None, event);
        self.volumes
            .mount_images(pod, member, &sandbox, &about_pod)
            .await
            .map_err(|error| match error {
                FolderError::Image(error) => no_image(error),
                FolderError::Mount(message) => failed(StartError::new("CreateContainerError", message)),
            })?;
        let about_container = |event: ImageEvent| report(&self.voice, pod, Some(member), event);
        let image = self
            .images
            .ensure(pod, member, &sandbox, &about_container)
            .await
            .map_err(no_image)?;
        let request = ContainerRequest {
            pod,
            member,
            image: &image,
            sandbox_ips: &start.sandbox_ips,
            restart_count: start.restart_count,
            volumes: &start.volumes,
            target_id: start.target_id.as_deref(),
        };
        let config = self
            .builder
            .container_config(request)
            .await
            .map_err(config_error)?;
        let created = self
            .runtime
            .create_container(&start.sandbox_id, &config, &sandbox)
            .await;
        created.map_err(|error| failed(StartError::new("CreateContainerError", error.message())))
    }

    /// Runs the hook that belongs to the start. If it fails, the container has failed.
    async fn post_start(&self, start: &Start, id: &str) -> Result<(), StartError> {
        let Start { pod, member, .. } = start;
        let Some(handler) = member
            .container
            .lifecycle
            .as_ref()
            .and_then(|lifecycle| lifecycle.post_start.as_ref())
        else {
            return Ok(());
        };
        let request = HookRequest {
            handler,
            pod,
            member,
            instance_id: id,
            pod_ip: self.pod_ip(pod, &start.sandbox_ips),
        };
        let Err(error) = hooks::run(&*self.runtime, request).await else {
            return Ok(());
        };
        self.voice
            .warn_of(pod, member, "FailedPostStartHook", error.to_string());
        self.voice.note_of(pod, member, "Killing", "FailedPostStartHook");
        let seconds = pod.spec().termination_grace_period_seconds.unwrap_or(30);
        let grace = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        if let Err(error) = self.runtime.stop_container(id, grace).await {
            tracing::warn!(pod = pod.described(), %error, "container whose hook failed was not stopped");
        }
        Err(StartError::after_start("PostStartHookError", error.to_string()))
    }

    /// Runs the hook that belongs to the end, and stops. The time for both is up at the deadline.
    pub async fn stop_container(&self, stop: &Stop) -> Result<(), RuntimeError> {
        if !stop.again {
            self.say_stop(stop);
            self.pre_stop(stop).await;
        }
        let left = until(stop.deadline);
        // A hook that took all the time leaves the program a moment to end by itself.
        let grace = if stop.again {
            left
        } else {
            left.max(MIN_GRACE.min(self.whole_grace(stop)))
        };
        self.runtime.stop_container(&stop.id, grace).await
    }

    /// Without any grace the program gets none either.
    fn whole_grace(&self, stop: &Stop) -> Duration {
        let metadata = &stop.pod.object().metadata;
        match metadata.deletion_grace_period_seconds {
            Some(0) => Duration::ZERO,
            _ => MIN_GRACE,
        }
    }

    fn say_stop(&self, stop: &Stop) {
        let name = &stop.name;
        let message = match stop.why {
            StopReason::PodStops => format!("Stopping container {name}"),
            StopReason::LivenessFailed => {
                format!("Container {name} failed liveness probe, will be restarted")
            }
            StopReason::StartupFailed => format!("Container {name} failed startup probe, will be restarted"),
            StopReason::Changed => format!("Container {name} definition changed, will be restarted"),
            StopReason::Resized => format!("Container {name} resize requires restart"),
            StopReason::Lost => {
                format!("Container {name} is in unknown state, try killing it before restart")
            }
        };
        match &stop.member {
            Some(member) => self.voice.note_of(&stop.pod, member, "Killing", message),
            None => self.voice.note(&stop.pod, "Killing", message),
        }
    }

    async fn pre_stop(&self, stop: &Stop) {
        let lifecycle = stop
            .member
            .as_ref()
            .and_then(|member| member.container.lifecycle.as_ref());
        let (Some(member), Some(handler)) = (
            &stop.member,
            lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()),
        ) else {
            return;
        };
        let request = HookRequest {
            handler,
            pod: &stop.pod,
            member,
            instance_id: &stop.id,
            pod_ip: stop.pod_ip,
        };
        // Out of time is no failure of the hook worth telling: the end of the pod is.
        if let Ok(Err(error)) = timeout(until(stop.deadline), hooks::run(&*self.runtime, request)).await {
            self.voice
                .warn_of(&stop.pod, member, "FailedPreStopHook", error.to_string());
        }
    }

    /// Removes a container, and then its log.
    pub async fn remove_container(&self, id: &str, log: &str) -> Result<(), String> {
        self.runtime
            .remove_container(id)
            .await
            .map_err(|error| error.to_string())?;
        if log.is_empty() {
            return Ok(());
        }
        let removed = logs::links::remove(log.as_ref(), id).and_then(|()| logs::remove(log.as_ref()));
        removed.map_err(|error| error.to_string())
    }

    /// Takes a sandbox's network and processes away.
    pub async fn stop_sandbox(&self, pod: &PodToRun, id: &str) -> Result<(), RuntimeError> {
        let stopped = self.runtime.stop_sandbox(id).await;
        if let Err(error) = &stopped {
            let message = format!(
                "error killing pod: failed to \"KillPodSandbox\" for {:?} with KillPodSandboxError: {:?}",
                pod.uid(),
                error.to_string()
            );
            self.voice.warn(pod, "FailedKillPod", message);
        }
        stopped
    }

    /// The pod's first address.
    pub fn pod_ip(&self, pod: &PodToRun, sandbox_ips: &[IpAddr]) -> Option<IpAddr> {
        let ips = if pod.is_host_network() {
            &self.node.node_ips
        } else {
            sandbox_ips
        };
        ips.first().copied()
    }
}

/// An event of a container, or of the whole pod.
fn report(voice: &Voice, pod: &PodToRun, member: Option<&Member>, event: ImageEvent) {
    let (reason, message) = (event.reason, event.message);
    match (event.is_warning, member) {
        (true, Some(member)) => voice.warn_of(pod, member, reason, message),
        (true, None) => voice.warn(pod, reason, message),
        (false, Some(member)) => voice.note_of(pod, member, reason, message),
        (false, None) => voice.note(pod, reason, message),
    }
}

/// The time left until a moment.
pub fn until(deadline: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}
