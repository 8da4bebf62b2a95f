//! Makes the kernel's network what the plan says.

use client::controller::Chain;
use linux::netlink::{Bridge, Link, LinkKind, Neighbour, Vxlan};
use linux::nft::Table;
use linux::{Netlink, NetlinkError, Nft, NftError, Sysctl, SysctlError};

use crate::config::Config;
use crate::host_ports;
use crate::ledger::{Ledger, LedgerError};
use crate::names::TUNNEL;
use crate::plan::{self, Desired, Device, DeviceChange, DeviceKind, Observed, Problem, RouteChange};

/// Why the network is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A device, address or route.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A rule.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// A setting.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// The addresses of pods.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something else has the name of a device of pintle's.
    #[error("the interface {0} is there, but is not what pintle makes under that name")]
    NameTaken(String),
    /// The plan lacks what every node has.
    #[error("the plan has no bridge")]
    NoBridge,
    /// A device that was just made is gone.
    #[error("the interface {0} does not stay")]
    Vanished(String),
    /// The network's configuration file.
    #[error("cannot write the network's configuration file into {folder}")]
    Conflist {
        /// Where.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What acts.
pub struct Executor {
    netlink: Netlink,
    nft: Nft,
    /// The rules that were loaded last, so that they are not loaded again.
    loaded: Option<Table>,
}

impl Executor {
    /// Acts in the calling thread's network namespace.
    pub fn new(nft: Nft) -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::open()?,
            nft,
            loaded: None,
        })
    }

    /// What the kernel has.
    pub async fn observe(&self) -> Result<Observed, NetlinkError> {
        Ok(Observed {
            links: self.netlink.links().await?,
            addresses: self.netlink.addresses().await?,
        })
    }

    /// Makes all of the plan so. Rules come first, and forwarding only after them: nothing gets out meanwhile.
    pub async fn apply(&mut self, desired: &Desired) -> Result<Vec<Problem>, ApplyError> {
        self.load(&desired.table).await?;
        let (bridge, tunnel) = desired.devices.split_first().ok_or(ApplyError::NoBridge)?;
        self.device(bridge).await?;
        for setting in settings(&bridge.name) {
            setting.apply()?;
        }
        let bridge = self.index(&bridge.name).await?;
        // The node's own pods, and those of its neighbours, do not need it.
        let (tunnel, problem) = match self.tunnel(tunnel.first(), desired).await {
            Ok(tunnel) => (tunnel, None),
            Err(error) => (None, Some(Problem::NoTunnel(Chain(&error).to_string()))),
        };
        let mut problems = self.routes(desired, bridge, tunnel).await?;
        problems.extend(problem);
        Ok(problems)
    }

    async fn tunnel(&self, device: Option<&Device>, desired: &Desired) -> Result<Option<u32>, ApplyError> {
        let Some(device) = device else {
            self.remove_tunnel().await?;
            return Ok(None);
        };
        self.device(device).await?;
        let tunnel = self.index(&device.name).await?;
        self.ends(desired, tunnel).await?;
        Ok(Some(tunnel))
    }

    async fn load(&mut self, table: &Table) -> Result<(), NftError> {
        if self.loaded.as_ref() != Some(table) {
            self.nft.load(&table.to_string()).await?;
            self.loaded = Some(table.clone());
        }
        Ok(())
    }

    async fn device(&self, device: &Device) -> Result<(), ApplyError> {
        // At most: remove it, make it, complete it.
        for _ in 0..3 {
            let changes = plan::device_changes(device, &self.observe().await?);
            let look_again = matches!(changes[..], [DeviceChange::Remove(_) | DeviceChange::Make]);
            for change in changes {
                self.change_device(device, change).await?;
            }
            if !look_again {
                return Ok(());
            }
        }
        Err(ApplyError::Vanished(device.name.clone()))
    }

    async fn change_device(&self, device: &Device, change: DeviceChange) -> Result<(), ApplyError> {
        tracing::debug!(device = device.name, ?change, "changing a device of the network");
        match change {
            DeviceChange::Refuse => return Err(ApplyError::NameTaken(device.name.clone())),
            DeviceChange::Make => self.make(device).await?,
            DeviceChange::Remove(link) => self.netlink.delete_link(link).await?,
            DeviceChange::SetMac(link) => self.netlink.set_mac(link, device.mac).await?,
            DeviceChange::SetMtu(link) => self.netlink.set_mtu(link, device.mtu).await?,
            DeviceChange::SetUp(link) => self.netlink.set_up(link).await?,
            DeviceChange::TakeAddress(address) => self.netlink.delete_address(address).await?,
            DeviceChange::GiveAddress(link, net) => {
                let net = net.into();
                self.netlink
                    .add_address(linux::netlink::Address { link, net })
                    .await?;
            }
        }
        Ok(())
    }

    async fn make(&self, device: &Device) -> Result<(), NetlinkError> {
        let (name, mac, mtu) = (device.name.as_str(), device.mac, device.mtu);
        match device.kind {
            DeviceKind::Bridge => self.netlink.add_bridge(&Bridge { name, mac, mtu }).await,
            DeviceKind::Tunnel(end) => self.netlink.add_vxlan(&Vxlan { name, end, mac, mtu }).await,
        }
    }

    async fn index(&self, name: &str) -> Result<u32, ApplyError> {
        let link = self.netlink.link(name).await?;
        link.map(|link| link.index)
            .ok_or_else(|| ApplyError::Vanished(name.to_owned()))
    }

    async fn remove_tunnel(&self) -> Result<(), NetlinkError> {
        match self.netlink.link(TUNNEL).await? {
            Some(Link {
                index,
                kind: LinkKind::Vxlan(_),
                ..
            }) => self.netlink.delete_link(index).await,
            _ => Ok(()),
        }
    }

    async fn ends(&self, desired: &Desired, tunnel: u32) -> Result<(), NetlinkError> {
        let wanted: Vec<Neighbour> = desired
            .ends
            .iter()
            .flat_map(|end| end.neighbours(tunnel))
            .collect();
        let found = self.netlink.neighbours(tunnel).await?;
        for neighbour in found.iter().filter(|found| !wanted.contains(found)) {
            self.netlink.delete_neighbour(*neighbour).await?;
        }
        for neighbour in wanted.iter().filter(|wanted| !found.contains(wanted)) {
            self.netlink.add_neighbour(*neighbour).await?;
        }
        Ok(())
    }

    async fn routes(
        &self,
        desired: &Desired,
        bridge: u32,
        tunnel: Option<u32>,
    ) -> Result<Vec<Problem>, ApplyError> {
        let wanted: Vec<_> = desired
            .routes
            .iter()
            .filter_map(|route| route.resolve(bridge, tunnel))
            .collect();
        let (changes, problems) = plan::route_changes(&wanted, &self.netlink.routes().await?);
        for change in changes {
            tracing::debug!(?change, "changing a route");
            match change {
                RouteChange::Set(route) => self.netlink.set_route(&route).await?,
                RouteChange::Delete(route) => self.netlink.delete_route(&route).await?,
            }
        }
        Ok(problems)
    }

    /// Forgets pods that are gone (the machine may have been switched off) and makes the rules of host ports anew.
    pub async fn host_ports(&self, config: &Config) -> Result<(), ApplyError> {
        let folder = config.state_dir.clone();
        // Plugins hold the ledger only for moments; none of them waits for this process.
        let opened = tokio::task::spawn_blocking(move || Ledger::open(&folder)).await;
        let mut ledger = opened.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))?;
        let links = self.netlink.links().await?;
        let gone = ledger.retain(|attachment| links.iter().any(|link| link.name == attachment.cable));
        if !gone.is_empty() {
            tracing::info!(
                pods = gone.len(),
                "addresses of pods that are gone are free again"
            );
            ledger.save()?;
        }
        let table = host_ports::table(&ledger, &config.bridge);
        self.nft.load(&table.to_string()).await?;
        Ok(())
    }
}

/// The kernel's settings that the network needs.
fn settings(bridge: &str) -> [Sysctl; 4] {
    [
        Sysctl::new("net/ipv4/ip_forward", 1),
        // For host ports on the loopback address; see the guard among their rules.
        Sysctl::new(format!("net/ipv4/conf/{bridge}/route_localnet"), 1),
        // Pods send all to the bridge's address on purpose. Telling them of shorter ways would use up what may be told them
        // of failures. An interface tells if either setting says so; each of the others keeps its own.
        Sysctl::new("net/ipv4/conf/all/send_redirects", 0),
        Sysctl::new(format!("net/ipv4/conf/{bridge}/send_redirects"), 0),
    ]
}
