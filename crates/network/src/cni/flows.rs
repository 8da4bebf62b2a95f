//! Flows of datagrams to host ports that go where they should no longer go.
//!
//! Rules see only a flow's first packet. A sender of datagrams that does not stop would go on to a pod that is gone, or to
//! nobody, although there is a pod now.

use std::net::{IpAddr, SocketAddr};

use linux::{Conntrack, Flow, Netlink};

use super::error::{CniError, Code};
use crate::ledger::{Allocations, Attachment, HostPort, Protocol};

/// Ends those flows. `changed` are the pods that came or went.
pub async fn clear(
    netlink: &Netlink,
    allocations: &Allocations,
    changed: &[&Attachment],
) -> Result<(), CniError> {
    if !changed
        .iter()
        .any(|attachment| datagrams(attachment).next().is_some())
    {
        return Ok(());
    }
    let addresses = netlink.addresses().await?;
    let is_own = |ip: IpAddr| ip.is_loopback() || addresses.iter().any(|address| address.net.addr() == ip);
    let failed = |error| CniError::because(Code::Io, "flows to host ports", &error);
    let conntrack = Conntrack::open().map_err(failed)?;
    for flow in conntrack.udp_flows().await.map_err(failed)? {
        if is_own(flow.destination.ip()) && is_stale(&flow, allocations, changed) {
            conntrack.delete(&flow).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// Whether a flow to the node goes elsewhere than the rules would send it now.
fn is_stale(flow: &Flow, allocations: &Allocations, changed: &[&Attachment]) -> bool {
    let to = flow.destination;
    let is_for = |port: &&HostPort| port.host_port == to.port() && port.is_at(to.ip());
    let answers = |attachment: &Attachment, port: &HostPort| {
        flow.answered_by == SocketAddr::new(attachment.address.into(), port.container_port)
    };
    let holder = allocations
        .attachments()
        .iter()
        .find_map(|attachment| datagrams(attachment).find(is_for).map(|port| (attachment, port)));
    match holder {
        Some((attachment, port)) => !answers(attachment, port),
        None => changed
            .iter()
            .any(|gone| datagrams(gone).filter(is_for).any(|port| answers(gone, port))),
    }
}

fn datagrams(attachment: &Attachment) -> impl Iterator<Item = &HostPort> {
    attachment
        .host_ports
        .iter()
        .filter(|port| port.protocol == Protocol::Udp)
}
