//! What work on a pod came to.

use std::sync::Arc;

use jiff::Timestamp;

use super::execute::StartError;
use super::resize::Resized;
use crate::volumes::MountedVolumes;

/// A piece of work that has ended.
#[derive(Debug)]
pub enum Done {
    Volumes(Result<Arc<MountedVolumes>, String>),
    SandboxCreated(Result<(), String>),
    SandboxStopped {
        id: String,
        stopped: bool,
    },
    SandboxRemoved,
    /// None if it was given up.
    Started {
        name: String,
        result: Option<Result<(), StartError>>,
    },
    Stopped {
        id: String,
        deadline: Timestamp,
    },
    Removed {
        id: String,
    },
    Resized(Resized),
    /// Volumes and cgroup are gone.
    Released(bool),
    /// Everything is gone.
    Cleared(bool),
}
