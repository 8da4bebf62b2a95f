//! Why a node does not start, or cannot go on.

use kubelet::containerd::MissingProgram;

/// Why a node does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A label is none.
    #[error("--node-label {0:?} is not KEY=VALUE")]
    Label(String),
    /// A taint is none.
    #[error("--node-taint {0:?} is not KEY=VALUE:EFFECT")]
    Taint(String),
    /// The thresholds cannot be read.
    #[error("the thresholds of eviction cannot be read")]
    Eviction(#[source] kubelet::ThresholdError),
    /// A program is not installed.
    #[error(transparent)]
    Program(#[from] MissingProgram),
    /// The network plugins cannot be put where the container runtime finds them.
    #[error("the network plugins cannot be installed")]
    Plugins(#[source] std::io::Error),
    /// The kubelet.
    #[error("the kubelet cannot run")]
    Kubelet(#[from] kubelet::StartError),
    /// The pod network.
    #[error("the pod network cannot be set up")]
    Network(#[from] network::StartError),
    /// The service proxy.
    #[error("the service proxy cannot run")]
    Proxy(#[from] proxy::StartError),
    /// Cluster DNS.
    #[error("cluster DNS cannot be served")]
    Dns(#[from] dns::StartError),
}
