//! The service proxy in a process of its own.

use client::{Client, https};
use tokio_util::sync::CancellationToken;

use super::{ComponentError, connection};
use crate::flags::proxy::USUAL_HEALTH_PORT;
use crate::node::machine;
use crate::settings::{HealthSettings, ProxySettings};

/// Runs until the token fires; the rules stay.
pub(super) async fn run(settings: &ProxySettings, shutdown: CancellationToken) -> Result<(), ComponentError> {
    let config = connection::config(settings.kubeconfig.as_deref(), settings.master.as_deref())?;
    let client = Client::new(https::connect(&config)?, "kube-proxy");
    let name = settings
        .node_name
        .clone()
        .or_else(machine::host_name)
        .unwrap_or_else(|| String::from("localhost"));
    let Some(addresses) = proxy::node_ips(client.clone(), &name, &shutdown).await else {
        return Ok(());
    };
    let usual = HealthSettings::everywhere(USUAL_HEALTH_PORT).socket();
    let of_proxy = proxy::Config {
        cluster_cidr: settings.cluster_cidr.map(Into::into).into_iter().collect(),
        healthz: settings.health.unwrap_or(usual),
        ..proxy::Config::new(name, addresses)
    };
    tracing::info!(server = config.server, "the service proxy runs");
    Ok(proxy::run(of_proxy, client, shutdown).await?)
}
