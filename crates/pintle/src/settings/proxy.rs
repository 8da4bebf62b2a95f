//! Settings of the service proxy. What is none was not given: the proxy's own default holds.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::Ipv4Net;

/// Settings of the service proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// How the API is reached, for a proxy in a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// The API's address in place of the kubeconfig's.
    pub master: Option<String>,
    /// The node's name.
    pub node_name: Option<String>,
    /// The addresses of all pods: what comes from elsewhere to a Service is masqueraded.
    pub cluster_cidr: Option<Ipv4Net>,
    /// Where it says whether it is well; none inside was said: nowhere.
    pub health: Option<Option<SocketAddr>>,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}
