//! Master nodes: which nodes they are, and the taint that keeps ordinary workloads away from them.
//!
//! A lone master also works. As soon as another node is there to work and Ready, the masters are tainted; when they are
//! alone again, the taint goes.

mod controller;
mod endpoints;
mod plan;

pub use controller::run;
pub use endpoints::{PublishError, addresses, endpoints, is_reachable, publish};

use std::str::FromStr;

/// The label and the taint of masters.
pub const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Whether masters are tainted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaintMode {
    /// While there is a Ready worker.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never by pintle; a taint that somebody put there stays.
    Never,
}

impl FromStr for TaintMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(format!("{text:?} is not one of auto, always, never")),
        }
    }
}
