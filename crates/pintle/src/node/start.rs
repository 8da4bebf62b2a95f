//! Starts the parts of a node.

use std::sync::Arc;

use kubelet::containerd::{Machine, MissingProgram};
use kubelet::{Config, RuntimeConfig};
use rustls::server::ResolvesServerCert;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::NodeClients;
use super::error::NodeError;
use super::failure::Failure;
use super::settings::NodeSettings;
use super::{kubelet_config, name_service};

/// Starts the parts of a node; they end with the token. A part that fails for good ends the process: `failure` then says
/// why.
pub async fn start(
    settings: &NodeSettings,
    clients: NodeClients,
    certificate: Arc<dyn ResolvesServerCert>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    failure: &Failure,
) -> Result<(), NodeError> {
    let kubelet = kubelet_config::of_node(settings, certificate)?;
    check_programs(settings, &kubelet)?;
    install_plugins(settings)?;
    let spawn = Spawn {
        tasks,
        shutdown,
        failure,
    };
    spawn.part(network::run(
        settings.network(),
        clients.network,
        shutdown.clone(),
    ));
    spawn.part(proxy::run(settings.proxy(), clients.proxy, shutdown.clone()));
    spawn.part(name_service::serve(
        settings.clone(),
        clients.dns,
        shutdown.clone(),
    ));
    spawn.part(kubelet::run(kubelet, Some(clients.kubelet), shutdown.clone()));
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
