//! The cluster's nodes, as far as the network looks at them.

use std::net::Ipv4Addr;

use client::{Change, Store};
use ipnet::Ipv4Net;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// A Node, with nothing else of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Node {
    /// Its name.
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<Ipv4Net>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    addresses: Vec<Address>,
}

#[derive(Clone, Debug, Deserialize)]
struct Address {
    r#type: String,
    address: String,
}

impl k8s_openapi::Resource for Node {
    const API_VERSION: &'static str = "v1";
    const GROUP: &'static str = "";
    const KIND: &'static str = "Node";
    const VERSION: &'static str = "v1";
    const URL_PATH_SEGMENT: &'static str = "nodes";
    type Scope = k8s_openapi::ClusterResourceScope;
}

impl k8s_openapi::Metadata for Node {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What of a node is known and matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its address among nodes.
    pub ip: Option<Ipv4Addr>,
    /// The addresses of its pods.
    pub pod_cidr: Option<Ipv4Net>,
}

impl Node {
    fn place(&self) -> Place {
        let internal = self
            .status
            .addresses
            .iter()
            .filter(|address| address.r#type == "InternalIP");
        Place {
            name: self.metadata.name.clone().unwrap_or_default(),
            ip: internal.filter_map(|address| address.address.parse().ok()).next(),
            pod_cidr: self.spec.pod_cidr.map(|net| net.trunc()),
        }
    }
}

/// Whether a change is of anything that matters here; heartbeats are not.
pub fn matters(change: &Change<Node>) -> bool {
    let place = |node: &Option<std::sync::Arc<Node>>| node.as_ref().map(|node| node.place());
    place(&change.old) != place(&change.new)
}

/// All nodes, in the order of their names.
pub fn places(nodes: &Store<Node>) -> Vec<Place> {
    let mut places: Vec<Place> = nodes.list().iter().map(|node| node.place()).collect();
    places.sort_by(|a, b| a.name.cmp(&b.name));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(json: serde_json::Value) -> Place {
        serde_json::from_value::<Node>(json).unwrap().place()
    }

    #[test]
    fn a_node_tells_its_place() {
        let bare = place(serde_json::json!({"metadata": {"name": "a"}}));
        assert_eq!((bare.ip, bare.pod_cidr), (None, None));
        let full = place(serde_json::json!({
            "metadata": {"name": "a"},
            "spec": {"podCIDR": "10.42.1.0/24", "podCIDRs": ["10.42.1.0/24"], "taints": []},
            "status": {"addresses": [
                {"type": "Hostname", "address": "a"},
                {"type": "InternalIP", "address": "fd00::1"},
                {"type": "InternalIP", "address": "192.168.1.2"},
                {"type": "ExternalIP", "address": "203.0.113.9"},
            ]},
        }));
        assert_eq!(full.ip, Some([192, 168, 1, 2].into()));
        assert_eq!(full.pod_cidr, Some("10.42.1.0/24".parse().unwrap()));
    }
}
