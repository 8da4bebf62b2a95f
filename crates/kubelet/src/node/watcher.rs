//! Keeps the Node object true: looks at the runtime and the machine now and then, and says what has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::controller::Chain;
use client::{Client, Error, Patch, PatchOptions, Scope};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::eviction::{EvictionSettings, Measures, Pressure, PressureMemory, Shortage, Signal, shortages};
use super::machine::{FileSystem, MachineFacts, Memory, Processes};
use super::status::{NodeStatusInput, is_same, new_node, node_status};
use super::{NodeIdentity, NodeVoice, registration};
use crate::cri::message::{Image, RuntimeCondition, RuntimeHandler, StatusResponse};
use crate::cri::{ContainerRuntime, RuntimeError};
use crate::publish::patch::status_patch;

/// How often it looks. Memory runs out without telling anyone.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often it looks while the node is not ready: what is missing may be there any moment.
const INTERVAL_UNREADY: Duration = Duration::from_millis(500);
/// How often it tries to say what the API could not be told.
const INTERVAL_UNREPORTED: Duration = Duration::from_secs(1);
/// How often the status is said although nothing changed.
const REPORT_INTERVAL: Duration = Duration::from_secs(300);

/// Whether pods can run here; what is wrong, if not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    pub runtime: Option<String>,
    pub network: Option<String>,
}

impl Readiness {
    /// All is well.
    #[cfg(test)]
    pub fn ready() -> Self {
        Self {
            runtime: None,
            network: None,
        }
    }

    /// Nobody has looked yet.
    pub fn unknown() -> Self {
        Self {
            runtime: Some("container runtime status check may not have completed yet".to_owned()),
            network: None,
        }
    }

    /// What is wrong.
    pub fn problems(&self) -> Vec<String> {
        self.runtime.iter().chain(&self.network).cloned().collect()
    }

    fn of(status: &Result<StatusResponse, RuntimeError>) -> Self {
        let Ok(status) = status else {
            return Self {
                runtime: Some("container runtime is down".to_owned()),
                network: None,
            };
        };
        let conditions = status.status.iter().flat_map(|status| &status.conditions);
        let failing = |kind: &str| {
            let mut failing = conditions
                .clone()
                .filter(|condition| condition.r#type == kind && !condition.status);
            failing.next().map(describe)
        };
        Self {
            runtime: failing("RuntimeReady").map(|what| format!("container runtime not ready: {what}")),
            network: failing("NetworkReady")
                .map(|what| format!("container runtime network not ready: {what}")),
        }
    }
}

fn describe(condition: &RuntimeCondition) -> String {
    let RuntimeCondition {
        r#type,
        status,
        reason,
        message,
    } = condition;
    format!("{type}={status} reason:{reason} message:{message}")
}

/// Who ends a pod when the node runs short.
#[async_trait::async_trait]
pub trait Relief: Send + Sync {
    /// Looks after what has limits of its own; called at each look.
    async fn check_limits(&self);
    /// Makes room; called at each look while something is short.
    async fn relieve(&self, shortage: &Shortage);
}

/// Looks after the Node object.
pub struct NodeWatcher {
    pub identity: NodeIdentity,
    pub runtime: Arc<dyn ContainerRuntime>,
    /// None for a node without a cluster.
    pub client: Option<Client>,
    pub eviction: EvictionSettings,
    /// Lies on the file system of volumes and logs.
    pub node_folder: PathBuf,
    pub relief: Arc<dyn Relief>,
    pub voice: NodeVoice,
    pub shared: Arc<NodeShared>,
}

/// What others read of the node.
#[derive(Debug)]
pub struct NodeShared {
    pub machine: MachineFacts,
    /// The object as it was last written or read.
    node: RwLock<Option<Arc<Node>>>,
    pressure: watch::Sender<Pressure>,
    poke: Notify,
}

impl Default for NodeShared {
    fn default() -> Self {
        Self {
            machine: MachineFacts::read(),
            node: RwLock::default(),
            pressure: watch::Sender::default(),
            poke: Notify::new(),
        }
    }
}

impl NodeShared {
    /// The Node object, once there is one.
    pub fn node(&self) -> Option<Arc<Node>> {
        self.node.read().clone()
    }

    /// The newest word on the Node object, from someone who follows it.
    pub fn set_node(&self, node: Arc<Node>) {
        *self.node.write() = Some(node);
    }

    /// The Node object is gone: it is to be made again.
    pub fn lose_node(&self) {
        *self.node.write() = None;
        self.poke();
    }

    /// What the node is short of.
    pub fn pressure(&self) -> Pressure {
        *self.pressure.borrow()
    }

    /// Something changed that the status tells of: looks now.
    pub fn poke(&self) {
        self.poke.notify_one();
    }
}

/// What the runtime said at a look.
#[derive(Default)]
struct RuntimeFacts {
    version: String,
    handlers: Vec<RuntimeHandler>,
    images: Vec<Image>,
    image_fs: Option<FileSystem>,
}

struct Reporter {
    watcher: NodeWatcher,
    facts: RuntimeFacts,
    pressure_memory: PressureMemory,
    reported_at: Option<Instant>,
}

impl NodeWatcher {
    /// Works until the token fires.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut reporter = Reporter {
            watcher: self,
            facts: RuntimeFacts::default(),
            pressure_memory: PressureMemory::default(),
            reported_at: None,
        };
        reporter.watcher.voice.started();
        let work = async {
            loop {
                let pause = reporter.look().await;
                let shared = reporter.watcher.shared.clone();
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shared.poke.notified() => {}
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }
}

impl Reporter {
    /// Looks at everything once and reports; gives the time until the next look.
    async fn look(&mut self) -> Duration {
        let readiness = self.look_at_runtime().await;
        let shortages = self.measure();
        let is_ready = readiness.problems().is_empty();
        self.watcher.relief.check_limits().await;
        if let Some(shortage) = shortages.first() {
            self.watcher.relief.relieve(shortage).await;
        }
        let reported = match self.report(&readiness).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "node status not written");
                false
            }
        };
        match (is_ready, reported) {
            (false, _) => INTERVAL_UNREADY,
            (true, false) => INTERVAL_UNREPORTED,
            (true, true) => INTERVAL,
        }
    }

    async fn look_at_runtime(&mut self) -> Readiness {
        let runtime = &self.watcher.runtime;
        let status = runtime.status().await;
        if let Ok(status) = &status {
            self.facts.handlers.clone_from(&status.runtime_handlers);
            if let Ok(version) = runtime.version().await {
                self.facts.version = format!(
                    "{}://{}",
                    version.runtime_name,
                    version.runtime_version.trim_start_matches('v')
                );
            }
            if let Ok(images) = runtime.list_images().await {
                self.facts.images = images;
            }
            if let Ok(filesystems) = runtime.image_filesystem().await {
                let mut mountpoints = filesystems.into_iter().filter_map(|fs| fs.fs_id);
                self.facts.image_fs = mountpoints
                    .next()
                    .and_then(|fs| FileSystem::of(fs.mountpoint.as_ref()));
            }
        }
        Readiness::of(&status)
    }

    fn measure(&mut self) -> Vec<Shortage> {
        let measures = Measures {
            memory: Memory::read(),
            node_fs: FileSystem::of(&self.watcher.node_folder),
            image_fs: self.facts.image_fs,
            processes: Processes::read(),
        };
        let settings = &self.watcher.eviction;
        let shortages = shortages(settings, &measures);
        let pressure =
            self.pressure_memory
                .update(&shortages, settings.pressure_transition, Timestamp::now());
        self.watcher.shared.pressure.send_replace(pressure);
        shortages
    }

    async fn report(&mut self, readiness: &Readiness) -> Result<(), Error> {
        let Some(client) = self.watcher.client.clone() else {
            return Ok(());
        };
        let shared = self.watcher.shared.clone();
        let known = shared.node();
        let previous = known
            .as_ref()
            .and_then(|node| node.status.clone())
            .unwrap_or_default();
        let status = self.status(readiness, &previous);
        let Some(_) = known else {
            return self.register(&client, readiness, status).await;
        };
        let is_due = self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
        if !is_due && is_same(&previous, &status) {
            return Ok(());
        }
        self.patch(&client, &previous, &status).await
    }

    fn status(&self, readiness: &Readiness, previous: &NodeStatus) -> NodeStatus {
        let watcher = &self.watcher;
        node_status(NodeStatusInput {
            identity: &watcher.identity,
            machine: &watcher.shared.machine,
            disk: FileSystem::of(&watcher.node_folder).unwrap_or_default(),
            runtime_version: &self.facts.version,
            runtime_handlers: &self.facts.handlers,
            images: &self.facts.images,
            readiness,
            pressure: &watcher.shared.pressure(),
            eviction: &watcher.eviction,
            previous,
            now: Timestamp::now(),
        })
    }

    async fn register(
        &mut self,
        client: &Client,
        readiness: &Readiness,
        status: NodeStatus,
    ) -> Result<(), Error> {
        let wanted = new_node(
            &self.watcher.identity,
            &self.watcher.shared.machine,
            status.clone(),
        );
        let node = registration::register(client, &wanted).await?;
        tracing::info!(node = self.watcher.identity.name, "registered");
        let previous = node.status.clone().unwrap_or_default();
        self.watcher.shared.set_node(Arc::new(node));
        self.watcher.voice.registered();
        let status = self.status(readiness, &previous);
        // The status of one that was there already is old, and a server may not take it from a new one.
        self.patch(client, &previous, &status).await
    }

    async fn patch(
        &mut self,
        client: &Client,
        previous: &NodeStatus,
        status: &NodeStatus,
    ) -> Result<(), Error> {
        let Some(change) = status_patch(previous, status) else {
            return Ok(());
        };
        let options = PatchOptions {
            subresource: "status".to_owned(),
            ..PatchOptions::default()
        };
        let name = &self.watcher.identity.name;
        let patched = client
            .patch::<Node>(Scope::Cluster, name, Patch::Strategic(&change), &options)
            .await;
        match patched {
            Ok(node) => {
                self.watcher.shared.set_node(Arc::new(node));
                self.watcher.voice.changed(previous, status);
                self.reported_at = Some(Instant::now());
                Ok(())
            }
            Err(error) => {
                // What is there now is not what was thought, or it is not there at all.
                if error.status().is_some() {
                    *self.watcher.shared.node.write() = None;
                }
                Err(error)
            }
        }
    }
}

impl Signal {
    /// Whether more room comes from removing images.
    pub fn is_disk(self) -> bool {
        !matches!(self, Self::MemoryAvailable | Self::PidAvailable)
    }
}
