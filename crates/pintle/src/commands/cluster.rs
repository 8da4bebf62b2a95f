//! Which cluster a command is about, and how it is reached.

use std::path::PathBuf;

use clap::Args;
use client::config::ClientConfig;
use client::{Client, https};
use pki::Layout;

use super::CommandError;

/// Which cluster a command is about.
#[derive(Clone, Debug, Args)]
pub struct ClusterOptions {
    /// Where everything is kept.
    #[arg(
        long,
        global = true,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    pub data_dir: PathBuf,
    /// How the cluster is reached; default: as its administrator, by the data directory.
    #[arg(long, global = true, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
}

impl ClusterOptions {
    /// Where keys, certificates and kubeconfigs lie.
    pub fn layout(&self) -> Layout {
        Layout::in_folder(&self.data_dir)
    }

    /// How the API is reached.
    pub fn client_config(&self) -> Result<ClientConfig, CommandError> {
        let path = match &self.kubeconfig {
            Some(path) => path.clone(),
            None => self.layout().kubeconfig("admin"),
        };
        if self.kubeconfig.is_none() {
            std::fs::metadata(&path).map_err(|source| CommandError::NoCluster {
                path: path.clone(),
                source,
            })?;
        }
        Ok(ClientConfig::from_kubeconfig(&path)?)
    }

    /// A client of the API.
    pub fn client(&self) -> Result<(Client, ClientConfig), CommandError> {
        let config = self.client_config()?;
        Ok((Client::new(https::connect(&config)?, "pintle"), config))
    }
}

/// Does something that waits for others, and gives what comes of it.
pub fn wait_for<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Process)?;
    runtime.block_on(work)
}
