//! Starts the parts of a node.

use std::path::Path;
use std::sync::Arc;

use client::Client;
use kubelet::containerd::{Machine, MissingProgram};
use kubelet::{Config, RuntimeConfig, ServerConfig};
use rustls::server::ResolvesServerCert;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::NodeError;
use super::failure::Failure;
use super::name_service;
use super::settings::NodeSettings;
use crate::settings::KubeletSettings;

/// Starts the parts of a node; they end with the token. `client` is the node's own (`system:node:NAME`). A part that fails
/// for good ends the process: `failure` then says why.
pub async fn start(
    settings: &NodeSettings,
    client: &Client,
    certificate: Arc<dyn ResolvesServerCert>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    failure: &Failure,
) -> Result<(), NodeError> {
    let kubelet = kubelet(settings, certificate)?;
    check_programs(settings, &kubelet)?;
    install_plugins(settings)?;
    let spawn = Spawn {
        tasks,
        shutdown,
        failure,
    };
    spawn.part(network::run(
        settings.network(),
        client.named("pintle-network"),
        shutdown.clone(),
    ));
    spawn.part(proxy::run(
        settings.proxy(),
        client.named("kube-proxy"),
        shutdown.clone(),
    ));
    spawn.part(name_service::serve(
        settings.clone(),
        client.named("pintle-dns"),
        shutdown.clone(),
    ));
    spawn.part(kubelet::run(
        kubelet,
        Some(client.named("kubelet")),
        shutdown.clone(),
    ));
    Ok(())
}

struct Spawn<'a> {
    tasks: &'a TaskTracker,
    shutdown: &'a CancellationToken,
    failure: &'a Failure,
}

impl Spawn<'_> {
    fn part<E: Into<NodeError> + Send>(&self, part: impl Future<Output = Result<(), E>> + Send + 'static) {
        let (shutdown, failure) = (self.shutdown.clone(), self.failure.clone());
        self.tasks.spawn(async move {
            if let Err(error) = part.await.map_err(Into::into) {
                failure.set(error);
                shutdown.cancel();
            }
        });
    }
}

/// What must be installed is looked for before anything is made.
fn check_programs(settings: &NodeSettings, kubelet: &Config) -> Result<(), MissingProgram> {
    match &kubelet.runtime {
        RuntimeConfig::Own { search_path, .. } => Machine::inspect(search_path, &settings.data_dir).map(drop),
        RuntimeConfig::External { .. } => Ok(()),
    }
}

/// The container runtime calls this very program, by the names of its network plugins.
fn install_plugins(settings: &NodeSettings) -> Result<(), NodeError> {
    let program = std::env::current_exe().map_err(NodeError::Plugins)?;
    let folder = settings.cni_bin_dir();
    std::fs::create_dir_all(&folder).map_err(NodeError::Plugins)?;
    network::cni::install(&folder, &program).map_err(NodeError::Plugins)
}

fn kubelet(settings: &NodeSettings, certificate: Arc<dyn ResolvesServerCert>) -> Result<Config, NodeError> {
    let options = &settings.options;
    let mut config = Config::below(&settings.agent(), &settings.name);
    config.cluster_dns = vec![settings.shared.cluster_dns];
    config.cluster_domain.clone_from(&settings.shared.cluster_domain);
    config.version = crate::version::git_version().to_owned();
    config.hostname = super::machine::host_name().unwrap_or_else(|| settings.name.clone());
    config.node_ips = vec![settings.ip];
    apply(&options.kubelet, &mut config);
    config.pod_logs_dir.clone_from(&options.pod_log_dir);
    config.images_dir = Some(settings.data_dir.join("images"));
    config.resolv_conf.clone_from(&options.resolv_conf);
    config.node_labels = options.labels()?;
    config.node_taints = options.taints()?;
    config.cgroup_parent = Path::new(&options.cgroup_root)
        .join("kubepods")
        .display()
        .to_string();
    let address = options.kubelet.address.unwrap_or(settings.ip);
    config.server = Some(ServerConfig {
        address: (address, options.kubelet_port).into(),
        certificate,
        client_authorities: settings.authority.clone(),
        anonymous: true,
    });
    match &options.container_runtime_endpoint {
        Some(endpoint) => {
            let socket = endpoint.strip_prefix("unix://").unwrap_or(endpoint).into();
            config.runtime = RuntimeConfig::External { socket };
        }
        None => own_runtime(settings, &mut config.runtime),
    }
    Ok(config)
}

/// What flags of upstream's kubelet say.
fn apply(settings: &KubeletSettings, config: &mut Config) {
    if let Some(folder) = &settings.root_dir {
        config.root_dir.clone_from(folder);
    }
    if !settings.cluster_dns.is_empty() {
        config.cluster_dns.clone_from(&settings.cluster_dns);
    }
    if let Some(domain) = &settings.cluster_domain {
        config.cluster_domain.clone_from(domain);
    }
    if let Some(max_pods) = settings.max_pods {
        config.max_pods = max_pods;
    }
    if settings.manifests.is_some() {
        config.manifests_dir.clone_from(&settings.manifests);
    }
    if let Some(eviction) = &settings.eviction {
        config.eviction = eviction.clone();
    }
}

fn own_runtime(wanted: &NodeSettings, runtime: &mut RuntimeConfig) {
    if let RuntimeConfig::Own {
        settings,
        search_path,
        ..
    } = runtime
    {
        settings.cni_bin_dir = wanted.cni_bin_dir();
        settings.cni_conf_dir = wanted.cni_conf_dir();
        if let Some(path) = std::env::var_os("PATH") {
            *search_path = path;
        }
    }
}
