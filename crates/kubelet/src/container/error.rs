//! Why a container or a sandbox cannot be made.

use std::fmt;

use crate::objects::ObjectError;

/// Why a container cannot be made from its specification: a reason as the container's status shows it, and a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    pub reason: &'static str,
    pub message: String,
}

impl ConfigError {
    /// The specification, or what it names, does not make a container.
    pub fn config(message: impl fmt::Display) -> Self {
        Self {
            reason: "CreateContainerConfigError",
            message: message.to_string(),
        }
    }

    /// The container could not be made from what its specification names.
    pub fn container(message: impl fmt::Display) -> Self {
        Self {
            reason: "CreateContainerError",
            message: message.to_string(),
        }
    }

    /// The specification does not make a sandbox.
    pub fn sandbox(message: impl fmt::Display) -> Self {
        Self {
            reason: "CreatePodSandboxConfigError",
            message: message.to_string(),
        }
    }
}

impl From<ObjectError> for ConfigError {
    fn from(error: ObjectError) -> Self {
        Self::config(error)
    }
}
