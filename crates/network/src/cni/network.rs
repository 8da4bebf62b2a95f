//! The commands of the network's plugin.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipnet::Ipv4Net;
use linux::netlink::Link;
use linux::{Namespace, Netlink, Nft};
use serde::Deserialize;
use serde_json::Value;

use super::check;
use super::connect::{Cable, connect};
use super::error::{CniError, Code};
use super::flows;
use super::request::{Command, Container, Request};
use super::result::Connected;
use super::version::SpecVersion;
use crate::config::{gateway, is_interface_name};
use crate::host_ports;
use crate::ledger::{Attachment, AttachmentKey, HostPort, Ledger, Protocol};
use crate::names::cable;

/// The network's configuration, as the node's keeper wrote it and the runtime completed it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkConfig {
    /// The node's bridge.
    pub bridge: String,
    /// The node's range.
    pub subnet: Ipv4Net,
    /// The largest packet.
    pub mtu: u32,
    /// Where the ledger is.
    pub state_dir: PathBuf,
    /// What is particular to this container.
    #[serde(default)]
    runtime_config: RuntimeConfig,
    /// What ADD answered, or the plugin before this one.
    pub prev_result: Option<Value>,
    /// For GC: who is alive.
    #[serde(rename = "cni.dev/valid-attachments")]
    valid_attachments: Option<Vec<AttachmentKey>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeConfig {
    #[serde(default)]
    port_mappings: Vec<PortMapping>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortMapping {
    // Runtimes of some age write these names with a capital; plugins in Go do not mind.
    #[serde(default, alias = "HostPort")]
    host_port: u16,
    #[serde(alias = "ContainerPort")]
    container_port: u16,
    #[serde(default = "tcp", alias = "Protocol")]
    protocol: String,
    #[serde(default, rename = "hostIP", alias = "HostIP")]
    host_ip: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

impl NetworkConfig {
    fn read(config: &Value) -> Result<Self, CniError> {
        let config: Self = serde_json::from_value(config.clone())
            .map_err(|error| CniError::because(Code::InvalidConfig, "the network's configuration", &error))?;
        if !is_interface_name(&config.bridge) {
            let message = format!("bridge: {:?} is no name for an interface", config.bridge);
            return Err(CniError::new(Code::InvalidConfig, message));
        }
        Ok(config)
    }

    /// The container's host ports; those without a port of the node ask for nothing.
    fn host_ports(&self) -> Result<Vec<HostPort>, CniError> {
        let mappings = self.runtime_config.port_mappings.iter();
        mappings
            .filter(|mapping| mapping.host_port != 0)
            .map(PortMapping::host_port)
            .collect()
    }
}

impl PortMapping {
    fn host_port(&self) -> Result<HostPort, CniError> {
        let invalid = |what: String| CniError::new(Code::InvalidConfig, format!("portMappings: {what}"));
        let protocol = match self.protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            other => return Err(invalid(format!("protocol {other:?} is not supported"))),
        };
        let host_ip = match self.host_ip.as_str() {
            "" | "0.0.0.0" | "::" => None,
            ip => Some(
                ip.parse()
                    .map_err(|_| invalid(format!("hostIP {ip:?} is not an IPv4 address")))?,
            ),
        };
        Ok(HostPort {
            host_port: self.host_port,
            container_port: self.container_port,
            protocol,
            host_ip,
        })
    }
}

/// Does what is asked.
pub async fn answer(request: &Request, version: SpecVersion) -> Result<Option<Value>, CniError> {
    let plugin = Network {
        config: NetworkConfig::read(&request.config)?,
        netlink: Netlink::open()?,
        nft: Nft::default(),
    };
    match &request.command {
        Command::Add(container) => plugin.add(container, version).await.map(Some),
        Command::Del(key) => plugin.del(key).await.map(|()| None),
        Command::Check(container) => plugin.check(container).await.map(|()| None),
        Command::Gc => plugin.gc().await.map(|()| None),
        Command::Status => plugin.status().await.map(|()| None),
        Command::Version => Ok(None),
    }
}

struct Network {
    config: NetworkConfig,
    netlink: Netlink,
    nft: Nft,
}

impl Network {
    fn gateway(&self) -> Ipv4Addr {
        gateway(self.config.subnet)
    }

    async fn bridge(&self, code: Code) -> Result<Link, CniError> {
        let name = &self.config.bridge;
        let bridge = self.netlink.link(name).await?.filter(|bridge| bridge.up);
        bridge.ok_or_else(|| {
            CniError::new(
                code,
                format!("the node's network is not ready: there is no {name}"),
            )
        })
    }

    async fn add(&self, container: &Container, version: SpecVersion) -> Result<Value, CniError> {
        if self.config.prev_result.is_some() {
            let message = "this plugin makes the pod's interface: it must be the network's first";
            return Err(CniError::new(Code::InvalidConfig, message));
        }
        let host_ports = self.config.host_ports()?;
        let bridge = self.bridge(Code::TryAgainLater).await?;
        let namespace = Namespace::open(&container.netns)?;
        // Held to the end: who sees an attachment in the ledger sees its cable too, unless it is dead.
        let mut ledger = Ledger::open(&self.config.state_dir)?;
        let dead = self.forget_the_dead(&mut ledger, Some(&container.key)).await?;
        let attachment = self.enter(&mut ledger, container, host_ports)?;
        let changed: Vec<&Attachment> = dead.iter().chain([&attachment]).collect();
        let connected = async {
            self.load_host_ports(&ledger, &changed).await?;
            self.connect(&attachment, &bridge, container, &namespace).await
        };
        match connected.await {
            Ok(answer) => Ok(answer.answer(version)),
            Err(error) => {
                // What is left of it is removed as DEL would; the first failure is the one to tell.
                let _ = self.disconnect(&mut ledger, &container.key).await;
                Err(error)
            }
        }
    }

    /// Forgets attachments without cable, and the container's own: what an ADD that was killed has left.
    async fn forget_the_dead(
        &self,
        ledger: &mut Ledger,
        own: Option<&AttachmentKey>,
    ) -> Result<Vec<Attachment>, CniError> {
        if let Some(key) = own {
            self.unplug(key).await?;
        }
        let links = self.netlink.links().await?;
        Ok(ledger.retain(|attachment| links.iter().any(|link| link.name == attachment.cable)))
    }

    fn enter(
        &self,
        ledger: &mut Ledger,
        container: &Container,
        host_ports: Vec<HostPort>,
    ) -> Result<Attachment, CniError> {
        for port in &host_ports {
            if let Some(holder) = ledger.holder(port, &container.key) {
                let message = format!("the host port {port} is taken by pod {}", holder.pod);
                return Err(CniError::new(Code::HostPortTaken, message));
            }
        }
        let address = ledger
            .allocate(self.config.subnet)
            .map_err(|full| CniError::new(Code::NoAddress, full.to_string()))?;
        let attachment = Attachment {
            key: container.key.clone(),
            pod: container.pod.clone(),
            cable: cable(&container.key.container_id, &container.key.interface),
            address,
            host_ports,
        };
        ledger.insert(attachment.clone());
        ledger.save()?;
        Ok(attachment)
    }

    async fn connect<'a>(
        &'a self,
        attachment: &'a Attachment,
        bridge: &Link,
        container: &'a Container,
        namespace: &Namespace,
    ) -> Result<Connected<'a>, CniError> {
        let cable = Cable {
            name: &attachment.cable,
            interface: &attachment.key.interface,
            address: attachment.address,
            gateway: self.gateway(),
            mtu: self.config.mtu,
            bridge: bridge.index,
            namespace,
        };
        let ends = connect(&self.netlink, &cable).await?;
        Ok(Connected {
            bridge: (&self.config.bridge, bridge.mac.unwrap_or_default()),
            cable: (&attachment.cable, ends.outside),
            interface: (&attachment.key.interface, ends.inside),
            netns: &container.netns,
            address: attachment.address,
            gateway: self.gateway(),
        })
    }

    /// Makes host ports as the ledger has them, if those of pods that came or went had any.
    async fn load_host_ports(&self, ledger: &Ledger, changed: &[&Attachment]) -> Result<(), CniError> {
        if changed.iter().all(|attachment| attachment.host_ports.is_empty()) {
            return Ok(());
        }
        let table = host_ports::table(ledger, &self.config.bridge);
        self.nft.load(&table.to_string()).await?;
        flows::clear(&self.netlink, ledger, changed).await
    }

    async fn del(&self, key: &AttachmentKey) -> Result<(), CniError> {
        let mut ledger = Ledger::open(&self.config.state_dir)?;
        self.disconnect(&mut ledger, key).await
    }

    /// Removes all of an attachment, however much of it there is.
    async fn disconnect(&self, ledger: &mut Ledger, key: &AttachmentKey) -> Result<(), CniError> {
        self.unplug(key).await?;
        let Some(gone) = ledger.remove(key) else {
            return Ok(());
        };
        ledger.save()?;
        self.load_host_ports(ledger, &[&gone]).await
    }

    async fn unplug(&self, key: &AttachmentKey) -> Result<(), CniError> {
        let name = cable(&key.container_id, &key.interface);
        if let Some(link) = self.netlink.link(&name).await? {
            self.netlink.delete_link(link.index).await?;
        }
        Ok(())
    }

    async fn check(&self, container: &Container) -> Result<(), CniError> {
        let namespace = Namespace::open(&container.netns)?;
        let attachment = {
            let ledger = Ledger::open(&self.config.state_dir)?;
            ledger.get(&container.key).cloned()
        };
        let attachment = attachment.ok_or_else(|| {
            let id = &container.key.container_id;
            CniError::new(Code::NotAsMade, format!("nothing is known of container {id}"))
        })?;
        let bridge = self.bridge(Code::NotAsMade).await?;
        check::told(self.config.prev_result.as_ref(), attachment.address)?;
        check::outside(&self.netlink, &attachment, &bridge).await?;
        check::inside(&namespace, &attachment, self.gateway()).await
    }

    async fn gc(&self) -> Result<(), CniError> {
        let valid = self.config.valid_attachments.as_ref().ok_or_else(|| {
            let message = "cni.dev/valid-attachments is missing";
            CniError::new(Code::InvalidConfig, message)
        })?;
        let mut ledger = Ledger::open(&self.config.state_dir)?;
        let mut gone = self.forget_the_dead(&mut ledger, None).await?;
        gone.extend(ledger.retain(|attachment| valid.contains(&attachment.key)));
        for attachment in &gone {
            self.unplug(&attachment.key).await?;
        }
        ledger.save()?;
        let gone: Vec<&Attachment> = gone.iter().collect();
        self.load_host_ports(&ledger, &gone).await
    }

    async fn status(&self) -> Result<(), CniError> {
        self.bridge(Code::NotAvailable).await?;
        let ledger = Ledger::open(&self.config.state_dir)?;
        if ledger.free(self.config.subnet) == 0 {
            let message = format!("all addresses of {} are taken", self.config.subnet);
            return Err(CniError::new(Code::NotAvailable, message));
        }
        Ok(())
    }
}
