//! Joining, again and again until the cluster takes the node or says why it never will.

use std::path::PathBuf;
use std::time::Duration;

use client::config::ClientConfig;
use cluster::DataDir;
use cluster::join::{DiscoverError, Join, JoinError};
use cluster::token::JoinToken;
use jiff::Timestamp;

use super::error::AgentError;
use super::options::AgentOptions;
use crate::node::Masters;

/// Waits that grow from one second to half a minute.
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_secs(1))
    }
}

impl Pause {
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(30));
    }
}

/// Where the node's own credentials are.
pub(super) fn kubeconfig(data_dir: &DataDir) -> PathBuf {
    data_dir.agent().join("kubelet.conf")
}

/// Joins, or finds that this machine has joined before.
pub(super) async fn join(
    options: &AgentOptions,
    data_dir: &DataDir,
    masters: &Masters,
) -> Result<ClientConfig, AgentError> {
    let path = kubeconfig(data_dir);
    let failed = |source| AgentError::Join {
        server: options.server.join(", "),
        source,
    };
    let request = Join {
        servers: masters.urls(),
        token: token(options)?,
        node: options.node.names(),
        kubeconfig: path.clone(),
    };
    let mut pause = Pause::default();
    while let Err(error) = cluster::join::join(&request, Timestamp::now()).await {
        if !may_pass(&error) {
            return Err(failed(error));
        }
        let servers = options.server.join(", ");
        tracing::warn!(servers, error = %client::controller::Chain(&error), "cannot join yet");
        pause.wait().await;
    }
    ClientConfig::from_kubeconfig(&path).map_err(|source| AgentError::Config { path, source })
}

fn token(options: &AgentOptions) -> Result<Option<JoinToken>, AgentError> {
    let text = match (&options.token, &options.token_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => std::fs::read_to_string(path).map_err(|source| AgentError::TokenFile {
            path: path.clone(),
            source,
        })?,
        (None, None) => return Ok(None),
    };
    Ok(Some(JoinToken::parse(&text)?))
}

/// Whether waiting may help: a server that is not up yet, or not yet a cluster. A wrong cluster stays wrong.
fn may_pass(error: &JoinError) -> bool {
    match error {
        JoinError::Discover(error) => matches!(error, DiscoverError::Unreachable { .. }),
        JoinError::Api(error) => error
            .status()
            .is_none_or(|status| status.code >= 500 || status.code == 429),
        JoinError::Unanswered => true,
        JoinError::NoToken | JoinError::Config(_) | JoinError::Pki(_) | JoinError::Refused(_) => false,
    }
}
