//! Settings of the scheduler.

use std::path::PathBuf;

use super::{ElectionSettings, HealthSettings};

/// Settings of the scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// How the API is reached, for a scheduler in a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// The API's address in place of the kubeconfig's.
    pub master: Option<String>,
    /// Pods with this `schedulerName` are placed.
    pub name: String,
    /// Where it says whether it is well, over HTTPS.
    pub health: HealthSettings,
    /// Of several copies one works.
    pub election: ElectionSettings,
    /// As upstream counts: 4 says more, 6 everything.
    pub verbosity: u8,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            master: None,
            name: scheduler::Config::default().scheduler_name,
            health: HealthSettings::everywhere(10259),
            election: ElectionSettings::of("kube-scheduler"),
            verbosity: 0,
        }
    }
}
