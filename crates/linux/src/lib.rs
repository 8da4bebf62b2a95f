//! The kernel's network, for the parts of a node: namespaces, links, addresses, routes, sysctls and nftables.
//!
//! Everything acts on the network namespace of the thread that asks, unless a [`Namespace`] is named. Nothing here knows
//! what it is used for.

mod conntrack;
mod namespace;
pub mod netlink;
pub mod nft;
mod sysctl;

pub use conntrack::{Conntrack, ConntrackError, Flow};
pub use namespace::{Namespace, NamespaceError};
pub use netlink::{Netlink, NetlinkError};
pub use nft::{Nft, NftError};
pub use sysctl::{Sysctl, SysctlError};

#[cfg(test)]
mod testing;
