//! The kubelet's serving certificate: asked for once the node is known to have the names it is for.

use std::path::Path;

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, ListOptions, Scope, WatchEvent};
use futures::StreamExt;
use jiff::Timestamp;
use pki::{Certificate, Identity, Key, NodeNames, due_at};

use super::{JoinError, Purpose, request_certificate};

/// The kubelet's serving certificate and key, kept in two files: those that are there, or new ones. Waits until the node is
/// registered with its addresses, since nobody gets a certificate for names that are not its own.
pub async fn serving_identity(
    client: &Client,
    node: &NodeNames,
    certificate: &Path,
    key: &Path,
    now: Timestamp,
) -> Result<Identity, JoinError> {
    if let Some(identity) = existing(certificate, key, node, now) {
        return Ok(identity);
    }
    registered(client, &node.name).await?;
    let new_key = Key::generate_ecdsa()?;
    let pem = request_certificate(client, node, &new_key, Purpose::Serving).await?;
    let key_pem = new_key.to_pem()?;
    pki::file::write(key, &key_pem, true)?;
    pki::file::write(certificate, &pem, true)?;
    Ok(Identity::from_pem(pem, key_pem)?)
}

/// What the files hold, if it is for all of the node's names and not due for renewal.
fn existing(certificate: &Path, key: &Path, node: &NodeNames, now: Timestamp) -> Option<Identity> {
    let pem = pki::file::read(certificate).ok()??;
    let key_pem = pki::file::read(key).ok()??;
    let parsed = Certificate::from_pem(&pem).ok()?;
    let is_good = parsed.common_name == node.serving_profile().common_name
        && node.names.dns.iter().all(|name| parsed.names.dns.contains(name))
        && node
            .names
            .addresses
            .iter()
            .all(|ip| parsed.names.addresses.contains(ip))
        && now < due_at(parsed.validity);
    if !is_good {
        return None;
    }
    Identity::from_pem(pem, key_pem).ok()
}

/// Waits until the node has addresses.
async fn registered(client: &Client, name: &str) -> Result<(), JoinError> {
    let only = ListOptions {
        field_selector: format!("metadata.name={name}"),
        ..ListOptions::default()
    };
    loop {
        let list = client.list::<Node>(Scope::Cluster, &only).await?;
        if list.items.iter().any(has_addresses) {
            return Ok(());
        }
        let mut changes = client
            .watch::<Node>(Scope::Cluster, &only, &list.resource_version)
            .await?;
        while let Some(Ok(event)) = changes.next().await {
            match event {
                WatchEvent::Added(node) | WatchEvent::Modified(node) if has_addresses(&node) => return Ok(()),
                _ => {}
            }
        }
        // The server ends watches after some minutes; one that it ends at once must not make this loop spin.
        tokio::time::sleep(super::PAUSE).await;
    }
}

fn has_addresses(node: &Node) -> bool {
    let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    addresses.is_some_and(|addresses| !addresses.is_empty())
}
