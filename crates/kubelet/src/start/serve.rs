//! The kubelet's server, from its address to its task.

use std::future::Future;
use std::sync::Arc;

use client::Client;
use client::controller::Chain;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::config::{Config, ServerConfig};
use crate::server::{Server, Settings};
use crate::worker::Manager;

/// An address that is taken, and what is to be served there.
pub struct Listening {
    listener: TcpListener,
    port: u16,
    config: ServerConfig,
}

impl Listening {
    /// Takes the address; none if no server is wanted.
    pub async fn start(config: &Config) -> Result<Option<Self>, StartError> {
        let Some(config) = config.server.clone() else {
            return Ok(None);
        };
        let address = config.address;
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Some(Self {
            listener,
            port,
            config,
        }))
    }

    /// The port it got.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The work of serving, until the token fires.
    pub fn server(
        self,
        config: &Config,
        client: Client,
        manager: Arc<Manager>,
        shutdown: CancellationToken,
    ) -> Result<impl Future<Output = ()> + use<>, StartError> {
        let settings = Settings {
            node_name: config.node_name.clone(),
            certificate: self.config.certificate,
            client_authorities: self.config.client_authorities,
            client,
            anonymous: self.config.anonymous,
            root_directory: config.root_dir.clone(),
        };
        let server = Server::new(settings, manager)?;
        Ok(async move {
            if let Err(error) = server.run(self.listener, shutdown).await {
                tracing::error!(error = %Chain(&error), "the kubelet's server broke");
            }
        })
    }
}
