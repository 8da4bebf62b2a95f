//! Settings of the controllers.

use std::path::PathBuf;
use std::time::Duration;

use cluster::certificates::Duties;
use controllers::Selection;
use controllers::nodes::DEFAULT_GRACE_PERIOD;
use controllers::pod_garbage_collector::DEFAULT_THRESHOLD;
use ipnet::Ipv4Net;

use super::{ElectionSettings, HealthSettings};

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
    /// Finished pods that may stay; none is no limit.
    pub terminated_pod_threshold: Option<usize>,
    /// Which controllers run.
    pub selection: Selection,
    /// The authority that pods verify the API server by.
    pub root_authority: Option<PathBuf>,
    /// What signs certificates that are asked for; without it none is signed.
    pub signing: SigningFiles,
    /// Whether each controller acts under its own service account.
    pub own_service_accounts: bool,
    /// Where they say whether they are well, over HTTPS.
    pub health: HealthSettings,
    /// Of several copies one works.
    pub election: ElectionSettings,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}

impl ControllerSettings {
    /// What the controllers themselves are told; `cluster_cidr` if nothing else was given.
    pub fn of_controllers(&self, root_authority: String, cluster_cidr: Ipv4Net) -> controllers::Settings {
        controllers::Settings {
            root_certificate_authority: root_authority,
            cluster_cidr: self.cluster_cidr.unwrap_or(cluster_cidr),
            node_grace_period: self.node_grace_period,
            terminated_pod_threshold: self.terminated_pod_threshold,
            selection: self.selection.clone(),
        }
    }

    /// What is done with requests for certificates.
    pub fn certificate_duties(&self) -> Duties {
        Duties {
            approve: self
                .selection
                .includes("certificatesigningrequest-approving-controller"),
            sign: self
                .selection
                .includes("certificatesigningrequest-signing-controller"),
        }
    }
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
            terminated_pod_threshold: Some(DEFAULT_THRESHOLD),
            selection: Selection::default(),
            root_authority: None,
            signing: SigningFiles::default(),
            own_service_accounts: false,
            health: HealthSettings::everywhere(10257),
            election: ElectionSettings::of("kube-controller-manager"),
            verbosity: 0,
        }
    }
}
