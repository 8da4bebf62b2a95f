//! A container runtime in memory, complete in the sense of the contract: the contract suite passes on it.
//!
//! Containers run a toy program read from their command: `exit N` ends at once, `true` and `false` too, everything else
//! runs until it is stopped. Tests end containers with [`FakeRuntime::exit`] and make calls fail with
//! [`FakeRuntime::fail_next`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tonic::Code;

use super::events::EventKind;
use super::message::*;
use super::{ContainerRuntime, Result, RuntimeError, RuntimeEvent};

/// Events that wait for a slow reader.
const EVENT_BUFFER: usize = 1024;

pub struct FakeRuntime {
    state: Mutex<State>,
    events: broadcast::Sender<RuntimeEvent>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    sandboxes: BTreeMap<String, Sandbox>,
    containers: BTreeMap<String, FakeContainer>,
    /// Images that are here, by name.
    images: BTreeMap<String, Image>,
    /// Images that can be pulled, by name.
    registry: BTreeMap<String, Image>,
    failures: BTreeMap<&'static str, VecDeque<RuntimeError>>,
    calls: Vec<String>,
}

struct Sandbox {
    config: PodSandboxConfig,
    ready: bool,
    created_at: i64,
    ip: String,
}

struct FakeContainer {
    sandbox_id: String,
    config: ContainerConfig,
    status: ContainerStatus,
}

impl FakeContainer {
    fn program(&self) -> Vec<&str> {
        let config = &self.config;
        config
            .command
            .iter()
            .chain(&config.args)
            .flat_map(|word| word.split_whitespace())
            .collect()
    }

    /// The exit code of a program that ends by itself.
    fn own_end(&self) -> Option<i32> {
        match self.program()[..] {
            ["true", ..] => Some(0),
            ["false", ..] => Some(1),
            [.., "exit", code] => code.parse().ok(),
            _ => None,
        }
    }

    /// The exit code after a stop with this grace period.
    fn stopped_code(&self, grace: Duration) -> i32 {
        if grace.is_zero() || self.program().contains(&"stubborn") {
            137
        } else {
            143
        }
    }

    fn is_running(&self) -> bool {
        self.status.state() == ContainerState::Running
    }
}

impl State {
    /// A number that grows, for ids, addresses and times.
    fn tick(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn now(&mut self) -> i64 {
        1_700_000_000_000_000_000 + self.tick().cast_signed() * 1_000_000
    }

    fn container(&mut self, id: &str) -> Result<&mut FakeContainer> {
        self.containers
            .get_mut(id)
            .ok_or_else(|| RuntimeError::new(Code::NotFound, format!("container {id:?}: not found")))
    }

    fn sandbox(&mut self, id: &str) -> Result<&mut Sandbox> {
        self.sandboxes
            .get_mut(id)
            .ok_or_else(|| RuntimeError::new(Code::NotFound, format!("sandbox {id:?}: not found")))
    }

    fn finish(&mut self, id: &str, code: i32) -> Option<RuntimeEvent> {
        let now = self.now();
        let container = self.containers.get_mut(id).filter(|c| c.is_running())?;
        container.status.set_state(ContainerState::Exited);
        container.status.finished_at = now;
        container.status.exit_code = code;
        container.status.reason = if code == 0 { "Completed" } else { "Error" }.to_owned();
        Some(event(id, EventKind::Exited))
    }
}

fn event(id: &str, kind: EventKind) -> RuntimeEvent {
    RuntimeEvent {
        container_id: id.to_owned(),
        kind,
    }
}

fn image(name: &str) -> Image {
    Image {
        id: format!("sha256:{name}"),
        repo_tags: vec![name.to_owned()],
        repo_digests: vec![format!("{name}@sha256:0")],
        size: 1000,
        ..Image::default()
    }
}

impl FakeRuntime {
    /// A runtime with these images.
    pub fn new(images: &[&str]) -> Self {
        let state = State {
            images: images
                .iter()
                .map(|name| ((*name).to_owned(), image(name)))
                .collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            events: broadcast::Sender::new(EVENT_BUFFER),
        }
    }

    /// Makes an image available for pulling.
    pub fn publish(&self, name: &str) {
        self.state.lock().registry.insert(name.to_owned(), image(name));
    }

    /// The next call of this name fails.
    pub fn fail_next(&self, call: &'static str, error: RuntimeError) {
        self.state
            .lock()
            .failures
            .entry(call)
            .or_default()
            .push_back(error);
    }

    /// Ends a container as if its program had ended.
    pub fn exit(&self, id: &str, code: i32) {
        let event = self.state.lock().finish(id, code);
        self.announce(event);
    }

    /// The calls that changed something, in order: `create_container web`.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().calls.clone()
    }

    fn announce(&self, events: impl IntoIterator<Item = RuntimeEvent>) {
        for event in events {
            // Without a reader the event is lost, as the contract allows.
            let _ = self.events.send(event);
        }
    }

    /// Notes the call, and fails if it was told to.
    fn called(&self, call: &'static str, what: &str) -> Result<()> {
        let mut state = self.state.lock();
        state.calls.push(format!("{call} {what}"));
        match state.failures.get_mut(call).and_then(VecDeque::pop_front) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn has_labels(labels: &StringMap, selector: &StringMap) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn given_and_different(wanted: &str, actual: &str) -> bool {
    !wanted.is_empty() && wanted != actual
}

#[async_trait]
impl ContainerRuntime for FakeRuntime {
    async fn version(&self) -> Result<VersionResponse> {
        Ok(VersionResponse {
            version: "0.1.0".to_owned(),
            runtime_name: "fake".to_owned(),
            runtime_version: "1.0".to_owned(),
            runtime_api_version: "v1".to_owned(),
        })
    }

    async fn status(&self) -> Result<StatusResponse> {
        let condition = |name: &str| RuntimeCondition {
            r#type: name.to_owned(),
            status: true,
            ..RuntimeCondition::default()
        };
        Ok(StatusResponse {
            status: Some(RuntimeStatus {
                conditions: vec![condition("RuntimeReady"), condition("NetworkReady")],
            }),
            runtime_handlers: Vec::new(),
        })
    }

    fn events(&self) -> BoxStream<'static, Result<RuntimeEvent>> {
        let reader = self.events.subscribe();
        futures::stream::unfold(reader, async |mut reader| {
            loop {
                match reader.recv().await {
                    Ok(event) => return Some((Ok(event), reader)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    async fn run_sandbox(&self, config: &PodSandboxConfig, _runtime_handler: &str) -> Result<String> {
        let metadata = config.metadata.clone().unwrap_or_default();
        self.called("run_sandbox", &metadata.name)?;
        let mut state = self.state.lock();
        let number = state.tick();
        let id = format!("sandbox{number}");
        let sandbox = Sandbox {
            config: config.clone(),
            ready: true,
            created_at: state.now(),
            ip: format!("10.0.0.{}", number % 250 + 1),
        };
        state.sandboxes.insert(id.clone(), sandbox);
        drop(state);
        self.announce([event(&id, EventKind::Started)]);
        Ok(id)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        self.called("stop_sandbox", id)?;
        let mut state = self.state.lock();
        let Ok(sandbox) = state.sandbox(id) else {
            return Ok(());
        };
        sandbox.ready = false;
        let inside: Vec<String> = state
            .containers
            .iter()
            .filter(|(_, container)| container.sandbox_id == id)
            .map(|(id, _)| id.clone())
            .collect();
        let mut events: Vec<RuntimeEvent> = inside.iter().filter_map(|id| state.finish(id, 137)).collect();
        events.push(event(id, EventKind::Exited));
        drop(state);
        self.announce(events);
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await?;
        let mut state = self.state.lock();
        state.sandboxes.remove(id);
        state.containers.retain(|_, container| container.sandbox_id != id);
        Ok(())
    }

    async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus> {
        let mut state = self.state.lock();
        let sandbox = state.sandbox(id)?;
        let config = &sandbox.config;
        Ok(PodSandboxStatus {
            id: id.to_owned(),
            metadata: config.metadata.clone(),
            state: sandbox_state(sandbox.ready) as i32,
            created_at: sandbox.created_at,
            network: Some(PodSandboxNetworkStatus {
                ip: if sandbox.ready {
                    sandbox.ip.clone()
                } else {
                    String::new()
                },
                additional_ips: Vec::new(),
            }),
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
        })
    }

    async fn list_sandboxes(&self, filter: PodSandboxFilter) -> Result<Vec<PodSandbox>> {
        let state = self.state.lock();
        let sandboxes = state.sandboxes.iter().map(|(id, sandbox)| PodSandbox {
            id: id.clone(),
            metadata: sandbox.config.metadata.clone(),
            state: sandbox_state(sandbox.ready) as i32,
            created_at: sandbox.created_at,
            labels: sandbox.config.labels.clone(),
            annotations: sandbox.config.annotations.clone(),
        });
        Ok(sandboxes
            .filter(|sandbox| {
                !given_and_different(&filter.id, &sandbox.id)
                    && filter.state.is_none_or(|wanted| wanted.state == sandbox.state)
                    && has_labels(&sandbox.labels, &filter.label_selector)
            })
            .collect())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: &ContainerConfig,
        _sandbox_config: &PodSandboxConfig,
    ) -> Result<String> {
        let metadata = config.metadata.clone().unwrap_or_default();
        self.called("create_container", &metadata.name)?;
        let mut state = self.state.lock();
        state.sandbox(sandbox_id)?;
        let wanted = config.image.clone().unwrap_or_default();
        let Some(image) = find_image(&state.images, &wanted.image).cloned() else {
            let message = format!("failed to get image {:?}: not found", wanted.image);
            return Err(RuntimeError::new(Code::NotFound, message));
        };
        let id = format!("container{}", state.tick());
        let status = ContainerStatus {
            id: id.clone(),
            metadata: config.metadata.clone(),
            state: ContainerState::Created as i32,
            created_at: state.now(),
            image: config.image.clone(),
            image_ref: image.id.clone(),
            labels: config.labels.clone(),
            annotations: config.annotations.clone(),
            mounts: config.mounts.clone(),
            ..ContainerStatus::default()
        };
        let container = FakeContainer {
            sandbox_id: sandbox_id.to_owned(),
            config: config.clone(),
            status,
        };
        state.containers.insert(id.clone(), container);
        Ok(id)
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        self.called("start_container", id)?;
        let mut state = self.state.lock();
        let now = state.now();
        let container = state.container(id)?;
        if container.status.state() != ContainerState::Created {
            let message = format!("container {id:?} is not in created state");
            return Err(RuntimeError::new(Code::Unknown, message));
        }
        container.status.set_state(ContainerState::Running);
        container.status.started_at = now;
        let own_end = container.own_end();
        let mut events = vec![event(id, EventKind::Started)];
        if let Some(code) = own_end {
            events.extend(state.finish(id, code));
        }
        drop(state);
        self.announce(events);
        Ok(())
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        self.called("stop_container", id)?;
        let mut state = self.state.lock();
        let Ok(container) = state.container(id) else {
            return Ok(());
        };
        let code = container.stopped_code(grace);
        let event = state.finish(id, code);
        drop(state);
        self.announce(event);
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.called("remove_container", id)?;
        let mut state = self.state.lock();
        let ended = state.finish(id, 137);
        let removed = state.containers.remove(id).map(|_| event(id, EventKind::Removed));
        drop(state);
        self.announce(ended.into_iter().chain(removed));
        Ok(())
    }

    async fn list_containers(&self, filter: ContainerFilter) -> Result<Vec<Container>> {
        let state = self.state.lock();
        let containers = state.containers.values().map(|container| Container {
            id: container.status.id.clone(),
            pod_sandbox_id: container.sandbox_id.clone(),
            metadata: container.status.metadata.clone(),
            image: container.status.image.clone(),
            image_ref: container.status.image_ref.clone(),
            state: container.status.state,
            created_at: container.status.created_at,
            labels: container.status.labels.clone(),
            annotations: container.status.annotations.clone(),
        });
        Ok(containers
            .filter(|container| {
                !given_and_different(&filter.id, &container.id)
                    && !given_and_different(&filter.pod_sandbox_id, &container.pod_sandbox_id)
                    && filter.state.is_none_or(|wanted| wanted.state == container.state)
                    && has_labels(&container.labels, &filter.label_selector)
            })
            .collect())
    }

    async fn container_status(&self, id: &str) -> Result<ContainerStatus> {
        Ok(self.state.lock().container(id)?.status.clone())
    }

    async fn update_container_resources(&self, id: &str, resources: LinuxContainerResources) -> Result<()> {
        self.called("update_container_resources", id)?;
        let resources = ContainerResources {
            linux: Some(resources),
        };
        self.state.lock().container(id)?.status.resources = Some(resources);
        Ok(())
    }

    async fn reopen_container_log(&self, id: &str) -> Result<()> {
        self.called("reopen_container_log", id)?;
        self.state.lock().container(id).map(|_| ())
    }

    async fn exec_sync(&self, id: &str, command: &[String], _timeout: Duration) -> Result<ExecSyncResponse> {
        let mut state = self.state.lock();
        if !state.container(id)?.is_running() {
            return Err(RuntimeError::new(
                Code::Unknown,
                "container is in CONTAINER_EXITED state",
            ));
        }
        let words: Vec<&str> = command.iter().flat_map(|word| word.split_whitespace()).collect();
        let (output, exit_code) = match words[..] {
            ["echo", ref rest @ ..] => (rest.join(" ") + "\n", 0),
            ["false"] => (String::new(), 1),
            [.., "exit", code] => (String::new(), code.parse().unwrap_or(2)),
            _ => (String::new(), 0),
        };
        Ok(ExecSyncResponse {
            stdout: Bytes::from(output),
            stderr: Bytes::new(),
            exit_code,
        })
    }

    async fn exec(&self, request: ExecRequest) -> Result<String> {
        self.state.lock().container(&request.container_id)?;
        Ok("http://127.0.0.1:0/exec/token".to_owned())
    }

    async fn attach(&self, request: AttachRequest) -> Result<String> {
        self.state.lock().container(&request.container_id)?;
        Ok("http://127.0.0.1:0/attach/token".to_owned())
    }

    async fn port_forward(&self, sandbox_id: &str, _: &[u16]) -> Result<String> {
        self.state.lock().sandbox(sandbox_id)?;
        Ok("http://127.0.0.1:0/portforward/token".to_owned())
    }

    async fn container_stats(&self) -> Result<Vec<ContainerStats>> {
        let state = self.state.lock();
        let running = state
            .containers
            .values()
            .filter(|container| container.is_running());
        Ok(running
            .map(|container| ContainerStats {
                attributes: Some(ContainerAttributes {
                    id: container.status.id.clone(),
                    metadata: container.status.metadata.clone(),
                    labels: container.status.labels.clone(),
                }),
                ..ContainerStats::default()
            })
            .collect())
    }

    async fn sandbox_stats(&self) -> Result<Vec<PodSandboxStats>> {
        Ok(Vec::new())
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(self.state.lock().images.values().cloned().collect())
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>> {
        Ok(find_image(&self.state.lock().images, image).cloned())
    }

    async fn pull_image(
        &self,
        image: &str,
        _auth: Option<AuthConfig>,
        _sandbox: &PodSandboxConfig,
    ) -> Result<String> {
        self.called("pull_image", image)?;
        let mut state = self.state.lock();
        let Some(found) = state.registry.get(image).cloned() else {
            let message = format!("failed to pull and unpack image {image:?}: {image}: not found");
            return Err(RuntimeError::new(Code::NotFound, message));
        };
        let id = found.id.clone();
        state.images.insert(image.to_owned(), found);
        Ok(id)
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        self.called("remove_image", image)?;
        self.state
            .lock()
            .images
            .retain(|name, found| name != image && found.id != image);
        Ok(())
    }

    async fn image_filesystem(&self) -> Result<Vec<FilesystemUsage>> {
        Ok(Vec::new())
    }
}

fn sandbox_state(ready: bool) -> PodSandboxState {
    if ready {
        PodSandboxState::Ready
    } else {
        PodSandboxState::NotReady
    }
}

fn find_image<'a>(images: &'a BTreeMap<String, Image>, wanted: &str) -> Option<&'a Image> {
    images
        .get(wanted)
        .or_else(|| images.values().find(|image| image.id == wanted))
}
