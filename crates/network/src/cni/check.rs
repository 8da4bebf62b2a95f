//! Whether a container is still connected as it was.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use linux::netlink::{Address, Link};
use linux::{Namespace, Netlink};
use serde_json::Value;

use super::connect::routes;
use super::error::{CniError, Code};
use crate::ledger::Attachment;

/// What ADD answered must name the address that the ledger has.
pub fn told(prev_result: Option<&Value>, address: Ipv4Addr) -> Result<(), CniError> {
    let Some(told) = prev_result else {
        return Err(CniError::new(Code::InvalidConfig, "prevResult is missing"));
    };
    let ips = told["ips"].as_array().into_iter().flatten();
    let own = format!("{address}/32");
    ensure(ips.map(|ip| &ip["address"]).any(|ip| ip == own.as_str()), || {
        format!("the container was told another address than {address}")
    })
}

/// The node's end of the cable must be on, and in the bridge.
pub async fn outside(netlink: &Netlink, attachment: &Attachment, bridge: &Link) -> Result<(), CniError> {
    let link = netlink.link(&attachment.cable).await?;
    ensure(
        link.is_some_and(|link| link.up && link.master == Some(bridge.index)),
        || format!("{} does not lead to {}", attachment.cable, bridge.name),
    )
}

/// The container's end must be on, with its address and routes.
pub async fn inside(
    namespace: &Namespace,
    attachment: &Attachment,
    gateway: Ipv4Addr,
) -> Result<(), CniError> {
    let pod = Netlink::open_in(namespace)?;
    let name = &attachment.key.interface;
    let link = pod.link(name).await?.filter(|link| link.up);
    let link = link.ok_or_else(|| {
        CniError::new(
            Code::NotAsMade,
            format!("there is no {name} in the container, or it is off"),
        )
    })?;
    let own = Address {
        link: link.index,
        net: Ipv4Net::from(attachment.address).into(),
    };
    ensure(pod.addresses().await?.contains(&own), || {
        format!("{name} does not have the address {}", attachment.address)
    })?;
    let found = pod.routes().await?;
    ensure(
        routes(link.index, gateway)
            .iter()
            .all(|route| found.contains(route)),
        || format!("{name} does not lead to {gateway}"),
    )
}

fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), CniError> {
    if so {
        return Ok(());
    }
    Err(CniError::new(Code::NotAsMade, otherwise()))
}
