//! Removes what pintle's network left on a node.

use std::io;
use std::path::PathBuf;

use linux::netlink::{Link, LinkKind};
use linux::nft::{self, Family};
use linux::{Netlink, NetlinkError, Nft, NftError};

use crate::ledger::{self, LedgerError};
use crate::names::{HOST_PORTS_TABLE, NETWORK_TABLE, ROUTE_PROTOCOL, TUNNEL, is_cable};
use crate::{cni, conflist};

/// Where there may be something of pintle's.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The bridge's name.
    pub bridge: String,
    /// Where the network's configuration file is.
    pub cni_conf_dir: PathBuf,
    /// Where the plugin's links are.
    pub cni_bin_dir: PathBuf,
    /// Where the ledger is.
    pub state_dir: PathBuf,
    /// The program that removes rules.
    pub nft: Nft,
}

/// What could not be removed. Everything else was.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// A device or route.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The rules.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// A file.
    #[error("cannot remove files of the network")]
    File(#[from] io::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Removes the network of the node that the calling thread is on: exactly what pintle made, pods' cables included. The
/// kernel's settings stay, because what they were before is not known. It is no error if nothing is there.
pub async fn cleanup(traces: &Traces) -> Result<(), CleanupError> {
    // Each step whatever came of the others; the first failure is told. Rules go last: until then nothing gets out.
    let steps = [
        conflist::remove(&traces.cni_conf_dir).map_err(CleanupError::from),
        kernel(traces).await.map_err(CleanupError::from),
        rules(&traces.nft).await.map_err(CleanupError::from),
        ledger::remove(&traces.state_dir).map_err(CleanupError::from),
        cni::uninstall(&traces.cni_bin_dir).map_err(CleanupError::from),
    ];
    steps.into_iter().collect()
}

async fn kernel(traces: &Traces) -> Result<(), NetlinkError> {
    let netlink = Netlink::open()?;
    for route in netlink.routes().await? {
        if route.protocol == ROUTE_PROTOCOL {
            netlink.delete_route(&route).await?;
        }
    }
    for link in netlink.links().await? {
        if is_ours(&link, &traces.bridge) {
            netlink.delete_link(link.index).await?;
        }
    }
    Ok(())
}

fn is_ours(link: &Link, bridge: &str) -> bool {
    match link.kind {
        LinkKind::Bridge => link.name == bridge,
        LinkKind::Vxlan(_) => link.name == TUNNEL,
        LinkKind::Veth => is_cable(&link.name),
        LinkKind::Other => false,
    }
}

async fn rules(nft: &Nft) -> Result<(), NftError> {
    let tables = [NETWORK_TABLE, HOST_PORTS_TABLE].map(|table| nft::remove(Family::Ip, table));
    nft.load(&tables.concat()).await
}
