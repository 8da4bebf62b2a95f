//! Options of `pintle agent`, named after k3s.

use std::path::PathBuf;

use clap::Args;

use crate::node::NodeOptions;

/// Options of `pintle agent`.
#[derive(Debug, Clone, Args)]
pub struct AgentOptions {
    /// Read options from a YAML file with the same names; the command line wins.
    #[arg(long, value_name = "FILE", env = "PINTLE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where everything is kept.
    #[arg(
        long,
        default_value = "/var/lib/pintle",
        value_name = "DIR",
        env = "PINTLE_DATA_DIR"
    )]
    pub data_dir: PathBuf,
    /// The servers of the cluster to join, any or all of them: https://HOST:PORT.
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        required = true,
        env = "PINTLE_SERVER"
    )]
    pub server: Vec<String>,
    /// The token to join with: what the file node-token in the server's data directory says.
    #[arg(long, value_name = "TOKEN", env = "PINTLE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A file that holds the token.
    #[arg(
        long,
        value_name = "FILE",
        env = "PINTLE_TOKEN_FILE",
        conflicts_with = "token"
    )]
    pub token_file: Option<PathBuf>,
    /// Of the node.
    #[command(flatten)]
    pub node: NodeOptions,
}
