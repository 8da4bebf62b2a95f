//! Makes known which nodes answer DNS. The master does it for all nodes: a node need not have the right to say what the
//! cluster's DNS is.

use std::net::{IpAddr, SocketAddr};

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Informer, ListOptions};
use dns::Server;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::name_service::{PORT, gateway_of};

/// Keeps the endpoints of the DNS Service until the token fires: every node that has a range for its pods. They stay then:
/// nodes answer without the master.
pub async fn publish_name_service(client: Client, service: IpAddr, shutdown: CancellationToken) {
    let nodes = Informer::<Node>::start(client.clone(), "", ListOptions::default(), shutdown.clone());
    if shutdown.run_until_cancelled(nodes.synced()).await.is_none() {
        return;
    }
    let (known, servers) = watch::channel(servers(&nodes));
    let of_change = nodes.clone();
    nodes.on_change(move |_| {
        known.send_if_modified(|known| {
            let now = self::servers(&of_change);
            let changed = *known != now;
            *known = now;
            changed
        });
    });
    dns::publish_all(client, vec![service], servers, shutdown).await;
}

/// The nodes that answer, and where.
fn servers(nodes: &Informer<Node>) -> Vec<Server> {
    let nodes = nodes.store().list();
    let servers = nodes.iter().filter_map(|node| {
        Some(Server {
            node_name: node.metadata.name.clone()?,
            node_uid: node.metadata.uid.clone(),
            listeners: vec![SocketAddr::new(gateway_of(node)?, PORT)],
        })
    });
    servers.collect()
}
