//! Service proxy: Services and EndpointSlices to nftables.
//!
//! Every Service becomes a [`plan::Unit`]: chains, map elements and sets that no other Service shares. A change of a
//! Service or of its EndpointSlices plans that one anew, and one nft transaction brings the kernel from the old unit to the
//! new one. What a packet costs does not depend on how many Services there are: base chains look their way up in maps.
//! Only the first packet of a connection passes the rules, so connections outlive every change. The rules stay when the
//! process ends; [`cleanup`] removes them.

mod changes;
mod config;
mod conntrack;
mod endpoints;
mod family;
mod health;
mod netlink;
mod nft;
mod node;
mod object;
mod plan;
mod run;
mod sync;
mod table_watch;
mod tables;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use nft::NftError;
pub use node::node_ips;
pub use run::{StartError, cleanup, run};
