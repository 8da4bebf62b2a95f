//! etcd clusters on the nodes of a machine.

use std::net::IpAddr;

use etcd_process::{EtcdBuilder, Place};

use crate::net::NodeNet;

/// A cluster with a member on each of these nodes, at their addresses and the usual ports. It is yet to be started.
pub fn etcd_on(nodes: &[NodeNet]) -> EtcdBuilder {
    let places = nodes.iter().cloned().map(|node| {
        let address = IpAddr::V4(node.ip());
        Place::new(address, move |program| node.command(program))
    });
    EtcdBuilder::at(places.collect())
}
