//! Cluster DNS on a node: it answers at the pods' gateway, so that it stands in nobody's way on the machine, and is reached
//! from everywhere that pods are.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Informer, ListOptions};
use ipnet::Ipv4Net;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settings::NodeSettings;

/// The port of DNS everywhere.
pub(crate) const PORT: u16 = 53;
/// The gateway's address comes with the pod network, soon after the node knows its range.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// Serves until the token fires.
pub(super) async fn serve(
    settings: NodeSettings,
    client: Client,
    shutdown: CancellationToken,
) -> Result<(), dns::StartError> {
    let gateway = gateway_of_node(&client, &settings.name, shutdown.clone());
    let Some(Some(gateway)) = shutdown.run_until_cancelled(gateway).await else {
        return Ok(());
    };
    let config = settings.dns(SocketAddr::new(gateway, PORT));
    let Some(server) = shutdown.run_until_cancelled(bind(config)).await else {
        return Ok(());
    };
    server?.serve(client, shutdown).await;
    Ok(())
}

async fn bind(config: dns::Config) -> Result<dns::Dns, dns::StartError> {
    let mut retry = FIRST_RETRY;
    loop {
        match dns::Dns::bind(config.clone()).await {
            Err(dns::StartError::Listen { address, source }) => {
                tracing::debug!(%address, %source, "cluster DNS cannot listen yet");
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
            outcome => return outcome,
        }
    }
}

/// Waits until the node has a range for its pods.
async fn gateway_of_node(client: &Client, node: &str, shutdown: CancellationToken) -> Option<IpAddr> {
    let own = shutdown.child_token();
    let _ends_with_this = own.clone().drop_guard();
    let only = ListOptions::fields(format!("metadata.name={node}"));
    let nodes = Informer::<Node>::start(client.clone(), "", only, own);
    let (found, mut gateway) = watch::channel(None);
    nodes.on_change(move |change| {
        if let Some(address) = change.new.as_deref().and_then(gateway_of) {
            found.send_replace(Some(address));
        }
    });
    let found = gateway.wait_for(Option::is_some).await.ok()?;
    *found
}

/// The first address of a node's range: the gateway of its pods.
pub(crate) fn gateway_of(node: &Node) -> Option<IpAddr> {
    let range: Ipv4Net = node.spec.as_ref()?.pod_cidr.as_deref()?.parse().ok()?;
    range.hosts().next().map(IpAddr::from)
}
