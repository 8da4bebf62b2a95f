//! The CRI client: gRPC over a Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_prost::ProstCodec;

use super::events::{self, RuntimeEvent, SubscribeRequest};
use super::message::*;
use super::{ContainerRuntime, Result, RuntimeError};

/// How long a call may take that says nothing else; upstream's `--runtime-request-timeout`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The largest answer that is read; upstream's limit. A list of every container of a full node is far below it.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A connection to a container runtime. Cheap to clone; it connects when first used, and again when the runtime was
/// restarted.
#[derive(Clone, Debug)]
pub struct CriClient {
    channel: Channel,
}

impl CriClient {
    /// A client of the runtime that listens on `socket`. Does not connect yet.
    pub fn new(socket: &Path) -> Self {
        let socket: PathBuf = socket.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        // The authority is only a name in the HTTP/2 headers; the connector decides where to go.
        let channel = Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector);
        Self { channel }
    }

    async fn ready(&self) -> Result<Grpc<Channel>> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        grpc.ready().await.map_err(|e| {
            RuntimeError::new(
                tonic::Code::Unavailable,
                format!("connection error: {}", root_cause(&e)),
            )
        })?;
        Ok(grpc)
    }

    /// One call of the runtime service or the image service. No timeout: as long as it takes.
    async fn call<Q, A>(&self, path: &'static str, message: Q, timeout: Option<Duration>) -> Result<A>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut request = Request::new(message);
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let codec = ProstCodec::<Q, A>::default();
        let mut grpc = self.ready().await?;
        let answer = grpc
            .unary(request, PathAndQuery::from_static(path), codec)
            .await?;
        Ok(answer.into_inner())
    }

    async fn runtime<Q, A>(&self, path: &'static str, message: Q) -> Result<A>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.call(path, message, Some(REQUEST_TIMEOUT)).await
    }

    async fn stream<Q, A>(&self, path: &'static str, message: Q) -> Result<tonic::Streaming<A>>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let codec = ProstCodec::<Q, A>::default();
        let mut grpc = self.ready().await?;
        let answer = grpc
            .server_streaming(Request::new(message), PathAndQuery::from_static(path), codec)
            .await?;
        Ok(answer.into_inner())
    }
}

impl CriClient {
    /// containerd's own events, or those of CRI from another runtime.
    async fn subscribe(&self) -> Result<BoxStream<'static, Result<RuntimeEvent>>> {
        let native = self
            .stream(
                "/containerd.services.events.v1.Events/Subscribe",
                SubscribeRequest::tasks(),
            )
            .await;
        match native {
            Err(error) if error.is_unimplemented() => self
                .stream("/runtime.v1.RuntimeService/GetContainerEvents", Empty {})
                .await
                .map(events::from_cri),
            other => other.map(events::from_containerd),
        }
    }
}

fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// Turns "not found" into success, for calls that are idempotent in our contract.
fn gone_is_fine(result: Result<Empty>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

fn required<T>(value: Option<T>, what: &str) -> Result<T> {
    value.ok_or_else(|| RuntimeError::new(tonic::Code::Internal, format!("answer has no {what}")))
}

#[async_trait]
impl ContainerRuntime for CriClient {
    async fn version(&self) -> Result<VersionResponse> {
        let request = VersionRequest {
            version: "v1".to_owned(),
        };
        self.runtime("/runtime.v1.RuntimeService/Version", request).await
    }

    async fn status(&self) -> Result<StatusResponse> {
        let request = StatusRequest { verbose: false };
        self.runtime("/runtime.v1.RuntimeService/Status", request).await
    }

    fn events(&self) -> BoxStream<'static, Result<RuntimeEvent>> {
        // A server says nothing, not even that it agreed, before it has a first event to tell. So the request goes out
        // in a task of its own, now, and the stream begins with waiting for that task.
        let client = self.clone();
        let subscription = tokio::spawn(async move { client.subscribe().await });
        stream::once(async move {
            subscription
                .await
                .unwrap_or_else(|e| Err(RuntimeError::new(tonic::Code::Internal, e.to_string())))
        })
        .try_flatten()
        .boxed()
    }

    async fn run_sandbox(&self, config: &PodSandboxConfig, runtime_handler: &str) -> Result<String> {
        let request = RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: runtime_handler.to_owned(),
        };
        // A sandbox needs the network plugin, which upstream gives twice the time of other calls.
        let timeout = Some(REQUEST_TIMEOUT * 2);
        let answer: RunPodSandboxResponse = self
            .call("/runtime.v1.RuntimeService/RunPodSandbox", request, timeout)
            .await?;
        Ok(answer.pod_sandbox_id)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        gone_is_fine(
            self.runtime("/runtime.v1.RuntimeService/StopPodSandbox", ById::new(id))
                .await,
        )
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        gone_is_fine(
            self.runtime("/runtime.v1.RuntimeService/RemovePodSandbox", ById::new(id))
                .await,
        )
    }

    async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus> {
        let answer: PodSandboxStatusResponse = self
            .runtime("/runtime.v1.RuntimeService/PodSandboxStatus", ById::new(id))
            .await?;
        required(answer.status, "sandbox status")
    }

    async fn list_sandboxes(&self, filter: PodSandboxFilter) -> Result<Vec<PodSandbox>> {
        let request = ListPodSandboxRequest { filter: Some(filter) };
        let answer: ListPodSandboxResponse = self
            .runtime("/runtime.v1.RuntimeService/ListPodSandbox", request)
            .await?;
        Ok(answer.items)
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
    ) -> Result<String> {
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox_id.to_owned(),
            config: Some(config.clone()),
            sandbox_config: Some(sandbox_config.clone()),
        };
        let answer: CreateContainerResponse = self
            .runtime("/runtime.v1.RuntimeService/CreateContainer", request)
            .await?;
        Ok(answer.container_id)
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        let Empty {} = self
            .runtime("/runtime.v1.RuntimeService/StartContainer", ById::new(id))
            .await?;
        Ok(())
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let request = StopContainerRequest {
            container_id: id.to_owned(),
            timeout: i64::try_from(grace.as_secs()).unwrap_or(i64::MAX),
        };
        let timeout = Some(grace.saturating_add(REQUEST_TIMEOUT));
        gone_is_fine(
            self.call("/runtime.v1.RuntimeService/StopContainer", request, timeout)
                .await,
        )
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        gone_is_fine(
            self.runtime("/runtime.v1.RuntimeService/RemoveContainer", ById::new(id))
                .await,
        )
    }

    async fn list_containers(&self, filter: ContainerFilter) -> Result<Vec<Container>> {
        let request = ListContainersRequest { filter: Some(filter) };
        let answer: ListContainersResponse = self
            .runtime("/runtime.v1.RuntimeService/ListContainers", request)
            .await?;
        Ok(answer.containers)
    }

    async fn container_status(&self, id: &str) -> Result<ContainerStatus> {
        let answer: ContainerStatusResponse = self
            .runtime("/runtime.v1.RuntimeService/ContainerStatus", ById::new(id))
            .await?;
        required(answer.status, "container status")
    }

    async fn update_container_resources(&self, id: &str, resources: LinuxContainerResources) -> Result<()> {
        let request = UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(resources),
        };
        let Empty {} = self
            .runtime("/runtime.v1.RuntimeService/UpdateContainerResources", request)
            .await?;
        Ok(())
    }

    async fn reopen_container_log(&self, id: &str) -> Result<()> {
        let Empty {} = self
            .runtime("/runtime.v1.RuntimeService/ReopenContainerLog", ById::new(id))
            .await?;
        Ok(())
    }

    async fn exec_sync(&self, id: &str, command: &[String], timeout: Duration) -> Result<ExecSyncResponse> {
        let request = ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: command.to_vec(),
            timeout: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        };
        // The runtime ends the command itself; the call only must not end before it.
        let deadline = (!timeout.is_zero()).then(|| timeout.saturating_add(REQUEST_TIMEOUT));
        self.call("/runtime.v1.RuntimeService/ExecSync", request, deadline)
            .await
    }

    async fn exec(&self, request: ExecRequest) -> Result<String> {
        let answer: StreamingUrl = self.runtime("/runtime.v1.RuntimeService/Exec", request).await?;
        Ok(answer.url)
    }

    async fn attach(&self, request: AttachRequest) -> Result<String> {
        let answer: StreamingUrl = self.runtime("/runtime.v1.RuntimeService/Attach", request).await?;
        Ok(answer.url)
    }

    async fn port_forward(&self, sandbox_id: &str, ports: &[u16]) -> Result<String> {
        let request = PortForwardRequest {
            pod_sandbox_id: sandbox_id.to_owned(),
            port: ports.iter().copied().map(i32::from).collect(),
        };
        let answer: StreamingUrl = self
            .runtime("/runtime.v1.RuntimeService/PortForward", request)
            .await?;
        Ok(answer.url)
    }

    async fn container_stats(&self) -> Result<Vec<ContainerStats>> {
        let answer: ListContainerStatsResponse = self
            .runtime("/runtime.v1.RuntimeService/ListContainerStats", Empty {})
            .await?;
        Ok(answer.stats)
    }

    async fn sandbox_stats(&self) -> Result<Vec<PodSandboxStats>> {
        let answer: ListPodSandboxStatsResponse = self
            .runtime("/runtime.v1.RuntimeService/ListPodSandboxStats", Empty {})
            .await?;
        Ok(answer.stats)
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        let answer: ListImagesResponse = self
            .runtime("/runtime.v1.ImageService/ListImages", Empty {})
            .await?;
        Ok(answer.images)
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>> {
        let request = ImageRequest {
            image: Some(ImageSpec::new(image)),
        };
        let answer: ImageStatusResponse = self
            .runtime("/runtime.v1.ImageService/ImageStatus", request)
            .await?;
        Ok(answer.image)
    }

    async fn pull_image(
        &self,
        image: &str,
        auth: Option<AuthConfig>,
        sandbox: &PodSandboxConfig,
    ) -> Result<String> {
        let request = PullImageRequest {
            image: Some(ImageSpec::new(image)),
            auth,
            sandbox_config: Some(sandbox.clone()),
        };
        let answer: PullImageResponse = self
            .call("/runtime.v1.ImageService/PullImage", request, None)
            .await?;
        Ok(answer.image_ref)
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        let request = ImageRequest {
            image: Some(ImageSpec::new(image)),
        };
        gone_is_fine(
            self.runtime("/runtime.v1.ImageService/RemoveImage", request)
                .await,
        )
    }

    async fn image_filesystem(&self) -> Result<Vec<FilesystemUsage>> {
        let answer: ImageFsInfoResponse = self
            .runtime("/runtime.v1.ImageService/ImageFsInfo", Empty {})
            .await?;
        Ok(answer.image_filesystems)
    }
}
