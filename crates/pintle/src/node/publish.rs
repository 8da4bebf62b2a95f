//! Makes known which nodes answer DNS. The master does it for all nodes: a node need not have the right to say what the
//! cluster's DNS is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Informer, ListOptions};
use dns::Publication;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::name_service::{PORT, gateway_of};

/// Keeps the endpoints of the DNS Service until the token fires: every node that has a range for its pods. They stay then:
/// nodes answer without the master.
pub async fn publish_name_service(client: Client, service: IpAddr, shutdown: CancellationToken) {
    let nodes = Informer::<Node>::start(client.clone(), "", ListOptions::default(), shutdown.clone());
    let (changed, mut changes) = watch::channel(());
    nodes.on_change(move |_| {
        changed.send_replace(());
    });
    nodes.synced().await;
    let mut tasks = JoinSet::new();
    let mut published: BTreeMap<(String, SocketAddr), CancellationToken> = BTreeMap::new();
    loop {
        let wanted = servers(&nodes.store().list());
        published.retain(|server, token| {
            let stays = wanted.contains(server);
            if !stays {
                token.cancel();
            }
            stays
        });
        for server in wanted {
            published.entry(server.clone()).or_insert_with(|| {
                let token = CancellationToken::new();
                tasks.spawn(dns::publish(
                    client.clone(),
                    publication(service, server),
                    token.clone(),
                ));
                token
            });
        }
        let change = shutdown.run_until_cancelled(changes.changed()).await;
        if !matches!(change, Some(Ok(()))) {
            return;
        }
    }
}

fn publication(service: IpAddr, (node_name, listener): (String, SocketAddr)) -> Publication {
    Publication {
        service_addresses: vec![service],
        node_name,
        listeners: vec![listener],
    }
}

/// The nodes that answer, and where.
fn servers(nodes: &[impl AsRef<Node>]) -> Vec<(String, SocketAddr)> {
    nodes
        .iter()
        .map(AsRef::as_ref)
        .filter_map(|node| {
            let name = node.metadata.name.clone()?;
            Some((name, SocketAddr::new(gateway_of(node)?, PORT)))
        })
        .collect()
}
