//! What the kubelet is told, as a part of pintle's node or alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubelet::{Config, EvictionSettings, RuntimeConfig, ServerConfig};
use rustls::server::ResolvesServerCert;

use super::error::NodeError;
use super::options::NodeOptions;
use super::settings::NodeSettings;
use crate::settings::KubeletSettings;

/// Where upstream's kubelet looks for a container runtime.
const USUAL_RUNTIME: &str = "unix:///run/containerd/containerd.sock";

/// Small machines share their disk with much else; k3s has these, upstream 10% and 15% of the file systems.
const EVICTION_HARD: &str =
    "memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%";

/// The kubelet of a node, with a containerd of its own unless another runtime is named.
pub(super) fn of_node(
    settings: &NodeSettings,
    certificate: Arc<dyn ResolvesServerCert>,
) -> Result<Config, NodeError> {
    let options = &settings.options;
    let mut config = Config::below(&settings.agent(), &settings.name);
    config.cluster_dns = vec![settings.shared.cluster_dns];
    config.cluster_domain.clone_from(&settings.shared.cluster_domain);
    config.images_dir = Some(settings.data_dir.join("images"));
    config.eviction = EvictionSettings::parse(EVICTION_HARD).map_err(NodeError::Eviction)?;
    apply(options, &mut config)?;
    config.server = Some(server(options, certificate, settings.authority.clone()));
    match &options.container_runtime_endpoint {
        Some(endpoint) => config.runtime = external(endpoint),
        None => own_runtime(settings, &mut config.runtime),
    }
    Ok(config)
}

/// The kubelet in a process of its own, where it looks for everything as upstream's does.
pub fn alone(
    options: &NodeOptions,
    folder: &Path,
    certificate: Arc<dyn ResolvesServerCert>,
    client_authority: String,
) -> Result<Config, NodeError> {
    let mut config = Config::below(folder, &options.name());
    config.root_dir = folder.to_owned();
    config.manifests_dir = None;
    config.images_dir = None;
    apply(options, &mut config)?;
    config.server = Some(server(options, certificate, client_authority));
    let endpoint = options.container_runtime_endpoint.as_deref();
    config.runtime = external(endpoint.unwrap_or(USUAL_RUNTIME));
    Ok(config)
}

/// What is the same for both: what the options say.
fn apply(options: &NodeOptions, config: &mut Config) -> Result<(), NodeError> {
    config.version = crate::version::git_version().to_owned();
    config.hostname = super::machine::host_name().unwrap_or_else(|| options.name());
    config.node_ips = vec![options.ip()];
    config.pod_logs_dir.clone_from(&options.pod_log_dir);
    config.resolv_conf.clone_from(&options.resolv_conf);
    config.node_labels = options.labels()?;
    config.node_taints = options.taints()?;
    config.cgroup_parent = Path::new(&options.cgroup_root)
        .join("kubepods")
        .display()
        .to_string();
    apply_settings(&options.kubelet, config);
    Ok(())
}

fn server(
    options: &NodeOptions,
    certificate: Arc<dyn ResolvesServerCert>,
    client_authorities: String,
) -> ServerConfig {
    let address = options.kubelet.address.unwrap_or_else(|| options.ip());
    ServerConfig {
        address: (address, options.kubelet_port).into(),
        certificate,
        client_authorities,
        anonymous: true,
    }
}

fn external(endpoint: &str) -> RuntimeConfig {
    RuntimeConfig::External {
        socket: PathBuf::from(endpoint.strip_prefix("unix://").unwrap_or(endpoint)),
    }
}

/// What flags of upstream's kubelet say.
fn apply_settings(settings: &KubeletSettings, config: &mut Config) {
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
