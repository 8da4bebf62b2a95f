//! The node of a master among others: it uses this master's API as long as that works, and another master's when not.

use client::Client;
use client::config::ClientConfig;
use pki::Layout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::StartError;
use super::options::ServerOptions;
use crate::node::Masters;
use crate::selfhosted;

/// The client of this machine's node.
pub(super) fn client(
    options: &ServerOptions,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<Client, StartError> {
    let path = Layout::in_folder(&options.data_dir).kubeconfig("kubelet");
    let unusable = |source| StartError::Kubeconfig {
        path: path.clone(),
        source,
    };
    let config = ClientConfig::from_kubeconfig(&path).map_err(unusable)?;
    let folder = selfhosted::agent_folder(&options.data_dir);
    let masters = Masters::new(std::slice::from_ref(&config.server), &folder).map_err(unusable)?;
    let masters = masters.beside(options.advertised().to_string());
    let client = masters.client(&config, "pintle").map_err(unusable)?;
    tasks.spawn(masters.follow(client.clone(), shutdown.clone()));
    Ok(client)
}
