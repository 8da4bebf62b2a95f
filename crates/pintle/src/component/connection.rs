//! How a component in a process of its own reaches the API.

use std::path::Path;

use client::config::ClientConfig;

use super::ComponentError;

/// From a kubeconfig, an address, or both: then the address counts.
pub(super) fn config(
    kubeconfig: Option<&Path>,
    master: Option<&str>,
) -> Result<ClientConfig, ComponentError> {
    let config = match (kubeconfig, master) {
        (None, None) => return Err(ComponentError::NoServer),
        (None, Some(_)) => ClientConfig::default(),
        (Some(path), _) => ClientConfig::from_kubeconfig(path)?,
    };
    Ok(match master.filter(|master| !master.is_empty()) {
        Some(master) => ClientConfig {
            server: master.to_owned(),
            ..config
        },
        None => config,
    })
}
