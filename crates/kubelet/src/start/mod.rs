//! Puts a kubelet together and runs it.

mod images;
mod runtime;
mod serve;
mod standalone;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use client::{Client, EventRecorder, Informer, ListOptions};
use k8s_openapi::api::core::v1::{Node, NodeStatus, Pod};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::container::cgroups::Cgroups;
use crate::container::logs::LogKeeper;
use crate::container::{Builder, NodeSettings};
use crate::containerd::ContainerdError;
use crate::images::Images;
use crate::node::status::{NodeStatusInput, new_node, node_status};
use crate::node::{
    FileSystem, NodeIdentity, NodeShared, NodeVoice, NodeWatcher, Pressure, Readiness, renew_lease,
};
use crate::objects::{ApiObjects, Objects};
use crate::pod::resources::amount;
use crate::probes::Probes;
use crate::publish::{Mirrors, Publisher};
use crate::server::ServerError;
use crate::source::{StaticPods, follow_api, follow_files, pods_of_node};
use crate::status::NodeFacts;
use crate::volumes::Volumes;
use crate::worker::{Manager, ManagerSink, Owners, PodRelief, Tools, Voice, follow_runtime};

use runtime::Runtime;
use serve::Listening;
use standalone::NoObjects;

/// Why a kubelet could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its containerd did not start.
    #[error(transparent)]
    Containerd(#[from] ContainerdError),
    /// The runtime someone else looks after does not answer.
    #[error("the container runtime does not answer on {socket}: {reason}")]
    Runtime {
        /// Its socket.
        socket: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The server's address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server cannot serve.
    #[error("the kubelet's server cannot be set up")]
    Server(#[from] ServerError),
    /// A folder or file could not be made.
    #[error("failed to make {path}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs a kubelet until the token fires. Containers go on afterwards, and the next kubelet adopts them.
///
/// Without a client only pods from manifest files run. While the API is away, pods go on, and are started again when
/// they fail.
pub async fn run(
    config: Config,
    client: Option<Client>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    prepare_folders(&config)?;
    let listening = Listening::start(&config).await?;
    let runtime = Runtime::start(&config, &shutdown).await?;
    let kubelet = Kubelet::assemble(config, client, runtime, listening, shutdown)?;
    kubelet.run().await;
    Ok(())
}

fn prepare_folders(config: &Config) -> Result<(), StartError> {
    let folders = [
        Some(&config.root_dir),
        Some(&config.pod_logs_dir),
        config.manifests_dir.as_ref(),
    ];
    for folder in folders.into_iter().flatten() {
        std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    }
    Ok(())
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::File {
        path: path.to_owned(),
        source,
    }
}

/// The parts, put together.
struct Kubelet {
    config: Config,
    client: Option<Client>,
    runtime: Runtime,
    identity: NodeIdentity,
    node: Arc<NodeShared>,
    pods: Option<Informer<Pod>>,
    tools: Arc<Tools>,
    manager: Arc<Manager>,
    recorder: Option<EventRecorder>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Kubelet {
    fn assemble(
        config: Config,
        client: Option<Client>,
        runtime: Runtime,
        listening: Option<Listening>,
        shutdown: CancellationToken,
    ) -> Result<Self, StartError> {
        let node = Arc::new(NodeShared::default());
        let identity = identity(&config, listening.as_ref());
        let expected = expected_node(&config, &identity, &node);
        let settings = Arc::new(node_settings(&config, &node, &expected));
        let pods = client
            .clone()
            .map(|client| pods_of_node(client, &config.node_name, shutdown.clone()));
        let api = client.clone().zip(pods.clone());
        let objects: Arc<dyn Objects> = match &client {
            Some(client) => Arc::new(ApiObjects::start(client.clone(), shutdown.clone())),
            None => Arc::new(NoObjects::default()),
        };
        let (sink, findings) = mpsc::unbounded_channel();
        let images = Images::new(runtime.cri.clone(), objects.clone());
        let volumes = match runtime.image_folders(images.clone()) {
            Some(folders) => Volumes::with_images(settings.clone(), objects.clone(), folders),
            None => Volumes::new(settings.clone(), objects.clone()),
        };
        volumes.prepare_root().map_err(file_error(&config.root_dir))?;
        let cgroups = Cgroups::detect(&settings);
        if let Err(error) = cgroups.prepare_node(&settings) {
            tracing::warn!(%error, "pods together are not limited");
        }
        let recorder = client
            .clone()
            .map(|client| EventRecorder::start(client, "kubelet", &config.node_name));
        let mirrors = api
            .clone()
            .map(|(client, pods)| Mirrors::new(client, pods, node.clone(), &config.node_name));
        let cri = runtime.cri.clone();
        let tools = Arc::new(Tools {
            facts: NodeFacts {
                ips: config.node_ips.clone(),
                runtime: runtime.name.clone(),
            },
            builder: Builder::new(settings.clone(), objects.clone()),
            images,
            probes: Probes::new(cri.clone(), sink),
            logs: LogKeeper::new(cri.clone()),
            publisher: Publisher::new(api),
            node: settings,
            runtime: cri,
            voice: Voice::new(recorder.clone()),
            owners: Arc::default(),
            room: tokio::sync::Notify::new(),
            client: client.clone(),
            objects,
            volumes,
            cgroups,
            mirrors,
        });
        let manager = Manager::new(tools.clone(), node.clone(), expected, shutdown.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(manager.clone().take_findings(findings));
        tasks.spawn(manager.clone().use_room());
        if let (Some(listening), Some(client)) = (listening, client.clone()) {
            tasks.spawn(listening.server(&config, client, manager.clone(), shutdown.clone())?);
        }
        Ok(Self {
            config,
            client,
            runtime,
            identity,
            node,
            pods,
            tools,
            manager,
            recorder,
            tasks,
            shutdown,
        })
    }

    async fn run(self) {
        let Self {
            tasks,
            shutdown,
            tools,
            manager,
            ..
        } = &self;
        tasks.spawn(self.node_watcher().run(shutdown.clone()));
        tasks.spawn(tools.publisher.clone().run(shutdown.clone()));
        if let Some(client) = &self.client {
            tasks.spawn(renew_lease(
                client.clone(),
                self.config.node_name.clone(),
                shutdown.clone(),
            ));
            self.follow_node(client.clone());
        }
        let importing = self.runtime.images(&self.config, self.node.clone());
        if let Some(importing) = &importing {
            // Pods would fetch what is about to be imported.
            shutdown.run_until_cancelled(importing.import()).await;
        }
        if let Some(importing) = importing {
            tasks.spawn(importing.follow(shutdown.clone()));
        }
        self.follow_pods();
        shutdown.cancelled().await;
        manager.stopped().await;
        tasks.close();
        tasks.wait().await;
    }

    fn node_watcher(&self) -> NodeWatcher {
        NodeWatcher {
            identity: self.identity.clone(),
            runtime: self.runtime.cri.clone(),
            client: self.client.clone(),
            eviction: self.config.eviction.clone(),
            node_folder: self.config.root_dir.clone(),
            relief: Arc::new(PodRelief::new(
                self.manager.clone(),
                self.runtime.cri.clone(),
                images::import_record(&self.config.root_dir),
            )),
            voice: NodeVoice::new(self.recorder.clone(), &self.config.node_name),
            shared: self.node.clone(),
        }
    }

    /// Keeps what is known of the Node object current.
    fn follow_node(&self, client: Client) {
        let options = ListOptions::fields(format!("metadata.name={}", self.config.node_name));
        let informer = Informer::<Node>::start(client, "", options, self.shutdown.clone());
        let node = self.node.clone();
        informer.on_change(move |change| match &change.new {
            Some(new) => node.set_node(new.clone()),
            None => node.lose_node(),
        });
    }

    /// Starts taking in pods, and once all are known, ends what is left over.
    fn follow_pods(&self) {
        let Self { tasks, shutdown, .. } = self;
        let sink = Arc::new(ManagerSink(self.manager.clone()));
        let owners: Arc<Owners> = self.tools.owners.clone();
        tasks.spawn(follow_runtime(
            self.runtime.cri.clone(),
            owners,
            sink.clone(),
            shutdown.clone(),
        ));
        let (synced, mut files_known) = watch::channel(false);
        match &self.config.manifests_dir {
            Some(folder) => {
                let pods = StaticPods {
                    folder: folder.clone(),
                    node_name: self.config.node_name.clone(),
                };
                tasks.spawn(follow_files(pods, sink.clone(), synced, shutdown.clone()));
            }
            None => {
                synced.send_replace(true);
            }
        }
        let (manager, tools, pods) = (self.manager.clone(), self.tools.clone(), self.pods.clone());
        let stop = shutdown.clone();
        let rest = async move {
            // An error is the end of the task that follows the files.
            let _ = files_known.wait_for(|known| *known).await;
            let mirrors = tools
                .mirrors
                .clone()
                .map(|mirrors| tokio::spawn(mirrors.run(stop)));
            if let Some(pods) = &pods {
                follow_api(pods, &sink);
                pods.synced().await;
            }
            manager.complete();
            if let Some(mirrors) = mirrors {
                // Ends with the token; a panic in it was reported.
                let _ = mirrors.await;
            }
            drop(sink);
        };
        let shutdown = shutdown.clone();
        tasks.spawn(async move { shutdown.run_until_cancelled(rest).await.unwrap_or_default() });
    }
}

fn identity(config: &Config, listening: Option<&Listening>) -> NodeIdentity {
    NodeIdentity {
        name: config.node_name.clone(),
        hostname: config.hostname.clone(),
        ips: config.node_ips.clone(),
        labels: config.node_labels.clone(),
        taints: config.node_taints.clone(),
        port: listening.map_or(0, Listening::port),
        version: config.version.clone(),
        max_pods: config.max_pods,
        reserved: config.reserved.clone(),
    }
}

/// The Node object as it will be registered.
fn expected_node(config: &Config, identity: &NodeIdentity, node: &NodeShared) -> Node {
    let status = node_status(NodeStatusInput {
        identity,
        machine: &node.machine,
        disk: FileSystem::of(&config.root_dir).unwrap_or_default(),
        runtime_version: "",
        runtime_handlers: &[],
        images: &[],
        readiness: &Readiness::unknown(),
        pressure: &Pressure::default(),
        eviction: &config.eviction,
        previous: &NodeStatus::default(),
        now: jiff::Timestamp::now(),
    });
    new_node(identity, &node.machine, status)
}

fn node_settings(config: &Config, node: &NodeShared, expected: &Node) -> NodeSettings {
    let allocatable = expected
        .status
        .as_ref()
        .and_then(|status| status.allocatable.as_ref());
    let allocatable = |resource: &str| amount(allocatable, resource);
    NodeSettings {
        node_name: config.node_name.clone(),
        node_ips: config.node_ips.clone(),
        root_dir: config.root_dir.clone(),
        pod_logs_dir: config.pod_logs_dir.clone(),
        cluster_dns: config.cluster_dns.clone(),
        cluster_domain: config.cluster_domain.clone(),
        resolv_conf: config.resolv_conf.clone(),
        cgroup_parent: config.cgroup_parent.clone(),
        seccomp_default: config.seccomp_default,
        allocatable: crate::container::NodeResources {
            cpu_milli: allocatable("cpu").map_or(0, |amount| amount.milli_value()),
            memory_bytes: allocatable("memory").map_or(0, |amount| amount.value()),
            ephemeral_storage_bytes: allocatable("ephemeral-storage").map_or(0, |amount| amount.value()),
        },
        memory_capacity: node.machine.memory_bytes.cast_signed(),
        pod_pids_limit: config.pod_pids_limit,
        ..NodeSettings::default()
    }
}
