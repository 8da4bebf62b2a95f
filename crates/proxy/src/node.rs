//! What the API says of the node.

use std::net::IpAddr;
use std::sync::Arc;

use client::k8s_openapi::api::core::v1::Node;
use client::{Client, Informer, ListOptions, ObjectMetadata};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::family::Family;

/// The label of a node that names its zone.
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";

/// The addresses of a node as its object says them, the first of each family: internal ones, or else external ones. Waits
/// until there is one; none if the token fires before.
///
/// For a proxy that is told nothing but the node's name.
pub async fn node_ips(client: Client, node_name: &str, shutdown: &CancellationToken) -> Option<Vec<IpAddr>> {
    let done = shutdown.child_token();
    let _ends = done.clone().drop_guard();
    let node = follow(client, node_name, &done);
    let addresses = Arc::new(watch::Sender::new(Vec::new()));
    let to = addresses.clone();
    node.on_change(move |change| {
        let new = change
            .new
            .as_ref()
            .map(|node| addresses_of(node))
            .unwrap_or_default();
        to.send_replace(new);
    });
    let mut addresses = addresses.subscribe();
    let found = addresses.wait_for(|addresses| !addresses.is_empty());
    let found = shutdown.run_until_cancelled(found).await?.ok()?;
    Some(found.clone())
}

fn addresses_of(node: &Node) -> Vec<IpAddr> {
    let of_type = |address_type: &str| {
        let status = node.status.iter();
        let addresses = status.flat_map(|status| status.addresses.iter().flatten());
        let matching = addresses.filter(move |address| address.type_ == address_type);
        matching
            .filter_map(|address| address.address.parse().ok())
            .collect::<Vec<IpAddr>>()
    };
    let all = [of_type("InternalIP"), of_type("ExternalIP")].concat();
    let first = |family: Family| family.addresses(&all).first().copied();
    Family::BOTH.into_iter().filter_map(first).collect()
}

/// The object of a node.
pub(crate) fn follow(client: Client, node_name: &str, shutdown: &CancellationToken) -> Informer<Node> {
    let named = ListOptions::fields(format!("metadata.name={node_name}"));
    Informer::start(client, "", named, shutdown.clone())
}

/// The zone of a node, as its label says.
pub(crate) fn zone(node: &Informer<Node>) -> Arc<watch::Sender<Option<String>>> {
    let zone = Arc::new(watch::Sender::new(None));
    let to = zone.clone();
    node.on_change(move |change| {
        let node = change.new.as_ref();
        let new = node.and_then(|node| node.metadata.label(ZONE)).map(str::to_owned);
        to.send_if_modified(|old| {
            let is_other = *old != new;
            *old = new;
            is_other
        });
    });
    zone
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use client::testing::FakeApi;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_first_address_of_each_family_counts() {
        let check = |addresses: Value, expected: &[&str]| {
            let node = json!({"status": {"addresses": addresses}});
            let found = addresses_of(&serde_json::from_value(node).unwrap());
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        let address = |address_type: &str, address: &str| json!({"type": address_type, "address": address});
        check(json!(null), &[]);
        check(json!([address("Hostname", "n1")]), &[]);
        check(
            json!([
                address("ExternalIP", "192.0.2.1"),
                address("ExternalIP", "2001:db8::1"),
                address("InternalIP", "10.0.0.1"),
                address("InternalIP", "10.0.0.2"),
            ]),
            &["10.0.0.1", "2001:db8::1"],
        );
    }

    #[tokio::test]
    async fn addresses_are_waited_for() {
        let api = FakeApi::new();
        let shutdown = CancellationToken::new();
        let asked = tokio::spawn({
            let (client, shutdown) = (api.client(), shutdown.clone());
            async move { node_ips(client, "n1", &shutdown).await }
        });
        api.set("nodes", json!({"metadata": {"name": "n1"}}));
        let addresses = json!([{"type": "InternalIP", "address": "10.0.0.1"}]);
        api.set(
            "nodes",
            json!({"metadata": {"name": "n1"}, "status": {"addresses": addresses}}),
        );
        let found = tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found, Some(vec!["10.0.0.1".parse().unwrap()]));
        shutdown.cancel();
        assert_eq!(node_ips(FakeApi::new().client(), "n1", &shutdown).await, None);
    }
}
