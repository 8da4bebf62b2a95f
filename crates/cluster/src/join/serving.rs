//! The kubelet's serving certificate: asked for once the node is known to have the names it is for.

use std::path::Path;

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, ListOptions, Scope, WatchEvent};
use futures::StreamExt;
use jiff::Timestamp;
use pki::{Identity, Key, NodeNames};

use super::JoinError;
use super::request::{Purpose, request_certificate};

/// A new serving certificate and key for the kubelet, put into two files. Waits until the node is registered with its
/// addresses, since nobody gets a certificate for names that are not its own.
pub async fn obtain_serving(
    client: &Client,
    node: &NodeNames,
    certificate: &Path,
    key: &Path,
) -> Result<Identity, JoinError> {
    registered(client, &node.name).await?;
    let new_key = Key::generate_ecdsa()?;
    let pem = request_certificate(client, node, &new_key, Purpose::Serving).await?;
    let key_pem = new_key.to_pem()?;
    pki::file::write(key, &key_pem, true)?;
    pki::file::write(certificate, &pem, true)?;
    Ok(Identity::from_pem(pem, key_pem)?)
}

/// What the files hold, if it is for all of the node's names and still holds.
pub fn held_serving(certificate: &Path, key: &Path, node: &NodeNames, now: Timestamp) -> Option<Identity> {
    let pem = pki::file::read(certificate).ok()??;
    let key_pem = pki::file::read(key).ok()??;
    let identity = Identity::from_pem(pem, key_pem).ok()?;
    let (wanted, held) = (node.serving_profile(), &identity.certificate);
    let is_good = held.common_name == wanted.common_name
        && held.names.contains(&wanted.names)
        && now <= held.validity.not_after;
    is_good.then_some(identity)
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
