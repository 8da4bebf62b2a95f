//! The service proxy in a process of its own.

use std::net::IpAddr;

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Scope, https};
use tokio_util::sync::CancellationToken;

use super::{ComponentError, connection};
use crate::node::machine;
use crate::settings::ProxySettings;

/// Runs until the token fires; the rules stay.
pub(super) async fn run(settings: &ProxySettings, shutdown: CancellationToken) -> Result<(), ComponentError> {
    let config = connection::config(settings.kubeconfig.as_deref(), settings.master.as_deref())?;
    let client = Client::new(https::connect(&config)?, "kube-proxy");
    let name = settings
        .node_name
        .clone()
        .or_else(machine::host_name)
        .unwrap_or_else(|| String::from("localhost"));
    let addresses = addresses(&client, &name).await;
    let of_proxy = proxy::Config {
        cluster_cidr: settings.cluster_cidr.map(Into::into).into_iter().collect(),
        ..proxy::Config::new(name, addresses)
    };
    tracing::info!(server = config.server, "the service proxy runs");
    Ok(proxy::run(of_proxy, client, shutdown).await?)
}

/// The node's addresses: as its Node says, else the one that leads to the default route.
async fn addresses(client: &Client, node: &str) -> Vec<IpAddr> {
    let node = client.get::<Node>(Scope::Cluster, node).await;
    let of_node = node.ok().and_then(|node| node.status?.addresses);
    let of_node: Vec<IpAddr> = of_node
        .iter()
        .flatten()
        .filter(|address| address.type_ == "InternalIP")
        .filter_map(|address| address.address.parse().ok())
        .collect();
    if of_node.is_empty() {
        machine::address_of_default_route().into_iter().collect()
    } else {
        of_node
    }
}
