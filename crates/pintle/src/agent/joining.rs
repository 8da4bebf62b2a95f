//! Joining, again and again until the cluster takes the node or says why it never will.

use std::path::PathBuf;

use client::controller::Chain;
use cluster::DataDir;
use cluster::join::{DiscoverError, Held, Join, JoinError};
use cluster::token::JoinToken;
use jiff::Timestamp;

use super::error::AgentError;
use super::options::AgentOptions;
use crate::node::Masters;
use crate::renewal::Pause;

/// Where the node's own credentials are.
pub(super) fn kubeconfig(data_dir: &DataDir) -> PathBuf {
    data_dir.agent().join("kubelet.conf")
}

/// Joins, or finds that this machine has joined before.
pub(super) async fn join(
    options: &AgentOptions,
    data_dir: &DataDir,
    masters: &Masters,
) -> Result<Held, AgentError> {
    let failed = |source| AgentError::Join {
        server: options.server.join(", "),
        source,
    };
    let request = request(options, data_dir, masters)?;
    let mut pause = Pause::default();
    loop {
        match cluster::join::join(&request, Timestamp::now()).await {
            Ok(held) => return Ok(held),
            Err(error) if !may_pass(&error) => return Err(failed(error)),
            Err(error) => {
                let servers = options.server.join(", ");
                tracing::warn!(servers, error = %Chain(&error), "cannot join yet");
            }
        }
        pause.wait().await;
    }
}

/// What joining takes.
pub(super) fn request(
    options: &AgentOptions,
    data_dir: &DataDir,
    masters: &Masters,
) -> Result<Join, AgentError> {
    Ok(Join {
        servers: masters.urls(),
        token: token(options)?,
        node: options.node.names(),
        kubeconfig: kubeconfig(data_dir),
    })
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
        JoinError::NoToken
        | JoinError::Config(_)
        | JoinError::Pki(_)
        | JoinError::Refused(_)
        | JoinError::Unreadable => false,
    }
}
