//! What a kubelet is told at its start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use rustls::server::ResolvesServerCert;

use crate::containerd::{ContainerdLayout, ContainerdSettings};
use crate::image::PAUSE_IMAGE;
use crate::node::EvictionSettings;

/// The container runtime to work with.
#[derive(Clone, Debug)]
pub enum RuntimeConfig {
    /// A containerd that is started, or adopted, and looked after.
    Own {
        /// What it is to be like.
        settings: ContainerdSettings,
        /// Where its programs are looked for: a list of folders, as in the variable `PATH`.
        search_path: OsString,
    },
    /// A runtime that someone else looks after, by its CRI socket.
    External {
        /// The socket.
        socket: PathBuf,
    },
}

/// What a kubelet is told at its start. [`Config::below`] makes one with the usual values.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the Node object, and of the credentials of its client: `system:node:NAME`.
    pub node_name: String,
    /// The machine's own name: one of the node's addresses.
    pub hostname: String,
    /// The node's addresses, the primary one first, one per family.
    pub node_ips: Vec<IpAddr>,
    /// The version it says it is: `v1.36.2`.
    pub version: String,
    /// Volumes and other files of pods (`--root-dir`).
    pub root_dir: PathBuf,
    /// Logs of pods (`--pod-log-dir`); every node of a machine needs its own.
    pub pod_logs_dir: PathBuf,
    /// Manifests of pods that run without an API (`--pod-manifest-path`); made if missing. None: no such pods.
    pub manifests_dir: Option<PathBuf>,
    /// Archives of images: imported at start, and when they appear. Only with an own runtime.
    pub images_dir: Option<PathBuf>,
    /// The container runtime.
    pub runtime: RuntimeConfig,
    /// Addresses of cluster DNS; empty for pods that use the node's.
    pub cluster_dns: Vec<IpAddr>,
    /// `cluster.local`.
    pub cluster_domain: String,
    /// The resolver configuration that pods are given or that stands behind cluster DNS (`--resolv-conf`).
    pub resolv_conf: PathBuf,
    /// Labels of the Node object, besides the usual ones.
    pub node_labels: BTreeMap<String, String>,
    /// Taints a new Node object is registered with.
    pub node_taints: Vec<Taint>,
    /// What the server needs; none for no server.
    pub server: Option<ServerConfig>,
    /// The cgroup of all pods, as a path in every hierarchy. Every node of a machine needs its own.
    pub cgroup_parent: String,
    /// The most pods that run at a time.
    pub max_pods: u32,
    /// The most processes of a pod; none for no limit.
    pub pod_pids_limit: Option<i64>,
    /// When the node counts as short of something, and pods are evicted.
    pub eviction: EvictionSettings,
    /// What pods may not have: kept for the system (`--system-reserved` and `--kube-reserved` together).
    pub reserved: BTreeMap<String, Quantity>,
    /// Whether containers that name no seccomp profile get the runtime's (`--seccomp-default`).
    pub seccomp_default: bool,
}

/// The server that logs, exec, attach, port-forward and statistics are asked of.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens; upstream's port is 10250.
    pub address: SocketAddr,
    /// The certificate it shows; may change while it runs.
    pub certificate: Arc<dyn ResolvesServerCert>,
    /// PEM authorities of client certificates.
    pub client_authorities: String,
    /// Whether requests without credentials are taken; they still must be authorized.
    pub anonymous: bool,
}

impl Config {
    /// The usual values, with everything below one folder: `containerd`, `kubelet`, `manifests`, `images`, `pod-logs`,
    /// and the network configuration in `cni`. There is no server yet, and no address.
    pub fn below(folder: &Path, node_name: &str) -> Self {
        let settings = ContainerdSettings {
            layout: ContainerdLayout::new(folder.join("containerd")),
            sandbox_image: PAUSE_IMAGE.to_owned(),
            cni_bin_dir: folder.join("cni/bin"),
            cni_conf_dir: folder.join("cni/net.d"),
        };
        Self {
            node_name: node_name.to_owned(),
            hostname: node_name.to_owned(),
            node_ips: Vec::new(),
            version: "v1.36.2".to_owned(),
            root_dir: folder.join("kubelet"),
            pod_logs_dir: folder.join("pod-logs"),
            manifests_dir: Some(folder.join("manifests")),
            images_dir: Some(folder.join("images")),
            runtime: RuntimeConfig::Own {
                settings,
                search_path: OsString::from("/usr/local/bin:/usr/bin:/bin"),
            },
            cluster_dns: Vec::new(),
            cluster_domain: String::new(),
            resolv_conf: "/etc/resolv.conf".into(),
            node_labels: BTreeMap::new(),
            node_taints: Vec::new(),
            server: None,
            cgroup_parent: "/kubepods".to_owned(),
            max_pods: 110,
            pod_pids_limit: None,
            eviction: EvictionSettings::default(),
            reserved: BTreeMap::new(),
            seccomp_default: false,
        }
    }
}
