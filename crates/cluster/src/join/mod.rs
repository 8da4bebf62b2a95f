//! How a machine becomes a node, and stays one: it finds the cluster by the token's hash and asks for a certificate with the
//! token; with that it asks for those of its parts, and for new ones in time.

mod discover;
mod held;
mod request;
mod serving;

use std::path::PathBuf;
use std::time::Duration;

use client::config::{ClientConfig, ConfigError};
use client::{Client, Servers, https};
use jiff::Timestamp;
use pki::{NodeNames, PkiError};

use crate::token::JoinToken;
pub use discover::DiscoverError;
pub use held::{Held, Place, held, obtain};
use request::PATIENCE;
pub use request::Purpose;
pub use serving::{held_serving, obtain_serving};

/// The cluster's name in kubeconfigs.
const CLUSTER: &str = "pintle";
/// Between watches that the server ended.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a machine cannot join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is no token, and no certificate from an earlier start.
    #[error("a node joins with a token; give --token, as the file node-token of the server says it")]
    NoToken,
    /// The cluster is not there, or is another.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// What was learnt of the cluster cannot be used.
    #[error("cannot connect")]
    Config(#[from] ConfigError),
    /// The server refused.
    #[error("cannot ask for a certificate")]
    Api(#[from] client::Error),
    /// A key or a file cannot be made.
    #[error("cannot make the node's key")]
    Pki(#[from] PkiError),
    /// The request was denied, or could not be signed.
    #[error("the request for a certificate was refused: {0}")]
    Refused(String),
    /// What was signed is no certificate.
    #[error("the certificate that was made cannot be read")]
    Unreadable,
    /// Nobody answered the request.
    #[error(
        "the request for a certificate was not answered within {PATIENCE:?}; is the certificate controller running?"
    )]
    Unanswered,
}

/// Who joins, and where.
#[derive(Clone, Debug)]
pub struct Join {
    /// The servers of the cluster, any or all of them: `https://192.0.2.1:6443`.
    pub servers: Vec<String>,
    /// The token; a machine that has joined before needs none.
    pub token: Option<JoinToken>,
    /// The node to be.
    pub node: NodeNames,
    /// Where the kubelet's kubeconfig goes.
    pub kubeconfig: PathBuf,
}

/// The node's own credentials: those it has, even if they are due, or new ones for its token.
pub async fn join(join: &Join, now: Timestamp) -> Result<Held, JoinError> {
    if let Some(held) = held(&join.kubeconfig, &join.node, Purpose::Client, now) {
        return Ok(held);
    }
    let token = join.token.as_ref().ok_or(JoinError::NoToken)?;
    let (server, authority) = discover::any_authority(&join.servers, token).await?;
    let authority = authority.to_pem();
    let mut servers = vec![server.clone()];
    servers.extend(join.servers.iter().filter(|other| **other != server).cloned());
    let config = ClientConfig {
        server: server.clone(),
        certificate_authority: authority.clone().into_bytes(),
        token: Some(token.token.bearer()),
        ..ClientConfig::default()
    };
    let transport = https::connect_to_any(&config, Servers::new(&servers)?)?;
    let client = Client::new(transport, "pintle-agent");
    let place = Place {
        server,
        certificate_authority: authority,
    };
    obtain(&client, &place, &join.node, Purpose::Client, &join.kubeconfig).await
}
