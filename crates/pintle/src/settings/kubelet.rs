//! Settings of the kubelet beside the options of a node. What is none was not given: the kubelet's own default holds.

use std::net::IpAddr;
use std::path::PathBuf;

use kubelet::EvictionSettings;

use super::{HealthSettings, SigningFiles};

/// Settings of the kubelet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KubeletSettings {
    /// How the API is reached, for a kubelet in a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// The authorities that clients of the kubelet's server are known by.
    pub client_authority: Option<PathBuf>,
    /// The certificate of the kubelet's server, and its key; one is made if none is given.
    pub serving: SigningFiles,
    /// Where the kubelet keeps pods' folders.
    pub root_dir: Option<PathBuf>,
    /// Where the kubelet's server listens.
    pub address: Option<IpAddr>,
    /// The cluster's DNS servers.
    pub cluster_dns: Vec<IpAddr>,
    /// The cluster's domain.
    pub cluster_domain: Option<String>,
    /// Pods at most.
    pub max_pods: Option<u32>,
    /// The folder of static pods.
    pub manifests: Option<PathBuf>,
    /// When the node counts as short of something.
    pub eviction: Option<EvictionSettings>,
    /// Where a kubelet alone says whether it is well.
    pub health: Option<HealthSettings>,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}
