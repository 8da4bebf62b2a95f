//! The container runtime as the kubelet sees it: the CRI v1 port, its client over a Unix socket, and an in-memory fake.
//!
//! The contract of [`ContainerRuntime`] is written as a test suite in `contract`; the fake and a real containerd both
//! run it.

mod client;
#[cfg(test)]
mod contract;
mod error;
pub mod events;
#[cfg(test)]
pub mod fake;
pub mod message;

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use client::CriClient;
pub use error::RuntimeError;
pub use events::RuntimeEvent;

use message::{
    AttachRequest, AuthConfig, Container, ContainerConfig, ContainerFilter, ContainerStats, ContainerStatus,
    ExecRequest, ExecSyncResponse, FilesystemUsage, Image, LinuxContainerResources, PodSandbox,
    PodSandboxConfig, PodSandboxFilter, PodSandboxStats, PodSandboxStatus, StatusResponse, VersionResponse,
};

/// What the runtime answered, or why it did not.
pub type Result<T> = std::result::Result<T, RuntimeError>;

/// A container runtime: sandboxes, containers in them, images.
///
/// - Stopping and removing are idempotent: what is gone already is not an error. Asking for the status of what is gone is
///   [`RuntimeError::is_not_found`].
/// - Stopping a sandbox kills its containers; removing it removes them.
/// - Lists are in no particular order.
/// - Events are hints without promise: some may be lost, and the state they speak of may become visible in a list shortly
///   after the event arrived. They start work, they carry no truth.
#[async_trait]
pub trait ContainerRuntime: Send + Sync + 'static {
    /// Name and version.
    async fn version(&self) -> Result<VersionResponse>;
    /// Whether the runtime and its network are ready.
    async fn status(&self) -> Result<StatusResponse>;
    /// Events of containers and sandboxes, from now on.
    fn events(&self) -> BoxStream<'static, Result<RuntimeEvent>>;

    /// Makes a sandbox with its network and starts it. The answer is its id.
    async fn run_sandbox(&self, config: &PodSandboxConfig, runtime_handler: &str) -> Result<String>;
    /// Kills the containers of a sandbox and takes its network away.
    async fn stop_sandbox(&self, id: &str) -> Result<()>;
    /// Removes a sandbox and its containers.
    async fn remove_sandbox(&self, id: &str) -> Result<()>;
    /// State and addresses of a sandbox.
    async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus>;
    /// Sandboxes that match.
    async fn list_sandboxes(&self, filter: PodSandboxFilter) -> Result<Vec<PodSandbox>>;

    /// Makes a container in a sandbox, without starting it. The answer is its id.
    async fn create_container(
        &self,
        sandbox_id: &str,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
    ) -> Result<String>;
    /// Starts a container that was made.
    async fn start_container(&self, id: &str) -> Result<()>;
    /// Sends the stop signal, and kills after the grace period.
    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()>;
    /// Removes a container; kills it if it runs.
    async fn remove_container(&self, id: &str) -> Result<()>;
    /// Containers that match.
    async fn list_containers(&self, filter: ContainerFilter) -> Result<Vec<Container>>;
    /// Everything about a container.
    async fn container_status(&self, id: &str) -> Result<ContainerStatus>;
    /// Changes the limits of a running container.
    async fn update_container_resources(&self, id: &str, resources: LinuxContainerResources) -> Result<()>;
    /// Goes on writing to a new file at the log's path, after the old one was moved away.
    async fn reopen_container_log(&self, id: &str) -> Result<()>;

    /// Runs a command in a container and waits for its end. Zero timeout: no limit.
    async fn exec_sync(&self, id: &str, command: &[String], timeout: Duration) -> Result<ExecSyncResponse>;
    /// Prepares a streamed command; the answer is the URL to connect to.
    async fn exec(&self, request: ExecRequest) -> Result<String>;
    /// Prepares streams to the main process; the answer is the URL to connect to.
    async fn attach(&self, request: AttachRequest) -> Result<String>;
    /// Prepares streams to ports inside a sandbox; the answer is the URL to connect to. Ports are named where a client cannot
    /// name them by stream.
    async fn port_forward(&self, sandbox_id: &str, ports: &[u16]) -> Result<String>;

    /// Use of every container.
    async fn container_stats(&self) -> Result<Vec<ContainerStats>>;
    /// Use of every sandbox, with its containers.
    async fn sandbox_stats(&self) -> Result<Vec<PodSandboxStats>>;

    /// Every image.
    async fn list_images(&self) -> Result<Vec<Image>>;
    /// An image by name or id; none if it is not here.
    async fn image_status(&self, image: &str) -> Result<Option<Image>>;
    /// Fetches an image; the answer is its id. Dropping the future ends the transfer.
    async fn pull_image(
        &self,
        image: &str,
        auth: Option<AuthConfig>,
        sandbox: &PodSandboxConfig,
    ) -> Result<String>;
    /// Removes an image.
    async fn remove_image(&self, image: &str) -> Result<()>;
    /// Where images lie, and how much they take.
    async fn image_filesystem(&self) -> Result<Vec<FilesystemUsage>>;
}
