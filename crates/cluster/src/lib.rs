//! Making and joining a cluster: data directory, certificates, tokens, bootstrap objects.

pub mod bootstrap;
pub mod certificates;
pub mod data_dir;
pub mod execute;
pub mod flow_schemas;
pub mod join;
pub mod masters;
pub mod reconcile;
pub mod shared;
pub mod token;

pub use data_dir::{DataDir, DataDirError};
pub use execute::{ExecuteError, Objects, execute};
