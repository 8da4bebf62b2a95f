//! What containers depend on that is the same for all pods of a node.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The node, as far as making containers needs it.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    pub node_name: String,
    /// The node's addresses, the primary one first.
    pub node_ips: Vec<IpAddr>,
    /// Upstream's `--root-dir`.
    pub root_dir: PathBuf,
    /// Upstream's `--pod-logs-dir`.
    pub pod_logs_dir: PathBuf,
    /// The address of cluster DNS; empty if there is none.
    pub cluster_dns: Vec<IpAddr>,
    /// Such as `cluster.local`; empty if there is none.
    pub cluster_domain: String,
    /// The resolver configuration pods with the DNS policy `Default` get.
    pub resolv_conf: PathBuf,
    /// The machine's own hosts file.
    pub hosts_file: PathBuf,
    /// The cgroup of all pods, as a path in every hierarchy: `/kubepods`.
    pub cgroup_parent: String,
    /// Where cgroup file systems are mounted.
    pub cgroup_mount: PathBuf,
    /// Whether containers that name no seccomp profile get the runtime's.
    pub seccomp_default: bool,
    /// What pods may use of the node in all; what a container without limits may use.
    pub allocatable: NodeResources,
    /// The machine's memory in bytes.
    pub memory_capacity: i64,
    /// The most processes a pod may have; none for no limit.
    pub pod_pids_limit: Option<i64>,
}

/// Amounts of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeResources {
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    pub ephemeral_storage_bytes: i64,
}

impl Default for NodeSettings {
    /// A node without a cluster, with the usual paths.
    fn default() -> Self {
        Self {
            node_name: String::new(),
            node_ips: Vec::new(),
            root_dir: "/var/lib/kubelet".into(),
            pod_logs_dir: "/var/log/pods".into(),
            cluster_dns: Vec::new(),
            cluster_domain: String::new(),
            resolv_conf: "/etc/resolv.conf".into(),
            hosts_file: "/etc/hosts".into(),
            cgroup_parent: "/kubepods".to_owned(),
            cgroup_mount: "/sys/fs/cgroup".into(),
            seccomp_default: false,
            allocatable: NodeResources::default(),
            memory_capacity: 0,
            pod_pids_limit: None,
        }
    }
}

impl NodeSettings {
    /// Where the files of all pods lie.
    pub fn pods_dir(&self) -> PathBuf {
        self.root_dir.join("pods")
    }

    /// Where the files of a pod lie.
    pub fn pod(&self, uid: &str) -> PodFolder {
        PodFolder {
            path: self.pods_dir().join(uid),
        }
    }

    /// Where seccomp profiles of the node lie.
    pub fn seccomp_root(&self) -> PathBuf {
        self.root_dir.join("seccomp")
    }

    /// Where the logs of a pod's containers lie.
    pub fn pod_log_dir(&self, namespace: &str, name: &str, uid: &str) -> PathBuf {
        self.pod_logs_dir.join(format!("{namespace}_{name}_{uid}"))
    }
}

/// The files of a pod, laid out as upstream does: a node can change between the two.
#[derive(Clone, Debug)]
pub struct PodFolder {
    path: PathBuf,
}

impl PodFolder {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn volumes(&self) -> PathBuf {
        self.path.join("volumes")
    }

    /// The folder of a volume of a kind such as `kubernetes.io/empty-dir`.
    pub fn volume(&self, plugin: &str, name: &str) -> PathBuf {
        self.volumes().join(plugin.replace('/', "~")).join(name)
    }

    /// What a container leaves: its termination message.
    pub fn container(&self, name: &str) -> PathBuf {
        self.path.join("containers").join(name)
    }

    /// The hosts file of the pod's containers.
    pub fn hosts_file(&self) -> PathBuf {
        self.path.join("etc-hosts")
    }

    /// Where a part of a volume is mounted, before a container gets it.
    pub fn subpath(&self, volume: &str, container: &str, index: usize) -> PathBuf {
        self.path
            .join("volume-subpaths")
            .join(volume)
            .join(container)
            .join(index.to_string())
    }
}
