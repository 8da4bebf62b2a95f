//! The loopback plugin: containers' loopback interfaces are on.

use linux::netlink::Link;
use linux::{Namespace, Netlink};
use serde_json::{Value, json};

use super::error::{CniError, Code};
use super::request::{Command, Container, Request};
use super::version::SpecVersion;

const INTERFACE: &str = "lo";

/// Does what is asked. The interface's name is the kernel's, whatever the runtime calls it.
pub async fn answer(request: &Request, version: SpecVersion) -> Result<Option<Value>, CniError> {
    match &request.command {
        Command::Add(container) => add(container, &request.config, version).await.map(Some),
        Command::Check(container) => check(container).await.map(|()| None),
        // The interface goes with the namespace.
        Command::Del(_) | Command::Gc | Command::Status | Command::Version => Ok(None),
    }
}

async fn add(container: &Container, config: &Value, version: SpecVersion) -> Result<Value, CniError> {
    let (netlink, link) = find(container).await?;
    netlink.set_up(link.index).await?;
    let told = &config["prevResult"];
    if !told.is_null() {
        return Ok(told.clone());
    }
    let ip = |address: &str, family: &str| {
        let mut ip = json!({"interface": 0, "address": address});
        if version < SpecVersion::V1_0_0 {
            ip["version"] = json!(family);
        }
        ip
    };
    Ok(json!({
        "cniVersion": version.name(),
        "interfaces": [{"name": INTERFACE, "mac": "00:00:00:00:00:00", "sandbox": container.netns}],
        "ips": [ip("127.0.0.1/8", "4"), ip("::1/128", "6")],
        "dns": {},
    }))
}

async fn check(container: &Container) -> Result<(), CniError> {
    match find(container).await?.1.up {
        true => Ok(()),
        false => Err(CniError::new(Code::NotAsMade, "the loopback interface is off")),
    }
}

async fn find(container: &Container) -> Result<(Netlink, Link), CniError> {
    let netlink = Netlink::open_in(&Namespace::open(&container.netns)?)?;
    let link = netlink.link(INTERFACE).await?;
    let link = link.ok_or_else(|| CniError::new(Code::Io, "there is no loopback interface"))?;
    Ok((netlink, link))
}
