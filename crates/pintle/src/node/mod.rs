//! A node: kubelet, pod network, service proxy and cluster DNS of one machine, as clients of an API server that may be
//! anywhere.

mod clients;
mod error;
mod failure;
pub mod kubelet_config;
mod late_certificate;
pub mod machine;
mod masters;
mod name_service;
mod options;
mod publish;
mod settings;
mod start;

pub use clients::NodeClients;
pub use error::NodeError;
pub use failure::Failure;
pub use late_certificate::{CertificateError, LateCertificate};
pub use masters::Masters;
pub use options::NodeOptions;
pub use publish::publish_name_service;
pub use settings::NodeSettings;
pub use start::start;

use std::time::Duration;

/// How long the parts of a node may take to end.
pub const END_WITHIN: Duration = Duration::from_secs(10);
