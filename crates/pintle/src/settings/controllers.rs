//! Settings of the controllers.

use std::path::PathBuf;
use std::time::Duration;

use controllers::nodes::DEFAULT_GRACE_PERIOD;
use ipnet::Ipv4Net;

use super::ElectionSettings;

/// Settings of the controllers.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// How the API is reached, for controllers in a process of their own.
    pub kubeconfig: Option<PathBuf>,
    /// The API's address in place of the kubeconfig's.
    pub master: Option<String>,
    /// The addresses of all pods.
    pub cluster_cidr: Option<Ipv4Net>,
    /// A node that was not heard of for this long is lost.
    pub node_grace_period: Duration,
    /// The authority that pods verify the API server by.
    pub root_authority: Option<PathBuf>,
    /// What signs certificates that are asked for; without it none is signed.
    pub signing: SigningFiles,
    /// Whether each controller acts under its own service account.
    pub own_service_accounts: bool,
    /// Of several copies one works.
    pub election: ElectionSettings,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}

/// The authority that signs certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningFiles {
    /// Its certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            master: None,
            cluster_cidr: None,
            node_grace_period: DEFAULT_GRACE_PERIOD,
            root_authority: None,
            signing: SigningFiles::default(),
            own_service_accounts: false,
            election: ElectionSettings::of("kube-controller-manager"),
            verbosity: 0,
        }
    }
}
