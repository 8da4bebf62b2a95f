//! The node's own rules.

use linux::nft::{self, Chain, ChainKind, Family, Hook, Table};

use super::Own;
use crate::config::Config;
use crate::names::NETWORK_TABLE;

/// The table: who is masked, and what must not go out.
pub fn table(config: &Config, own: Own) -> Table {
    Table::new(Family::Ip, NETWORK_TABLE)
        .chain(postrouting(config, own))
        .chain(refuse_services("forward", Hook::Forward, config))
        .chain(refuse_services("output", Hook::Output, config))
}

/// Outside the cluster nobody knows pods' addresses, so there they have the node's.
fn postrouting(config: &Config, own: Own) -> Chain {
    Chain::base(
        "postrouting",
        ChainKind::Nat,
        Hook::Postrouting,
        nft::PRIORITY_SRCNAT,
    )
    .rule(format!("ip saddr != {} return", own.pod_cidr.trunc()))
    .rule(format!("ip daddr {} return", config.cluster_cidr.trunc()))
    .rule("ip daddr 224.0.0.0/4 return")
    .rule(format!(
        r#"oifname != "{}" masquerade fully-random"#,
        config.bridge
    ))
}

/// A Service's address that the proxy has not rewritten by now belongs to nothing: the sender is told at once.
fn refuse_services(name: &str, hook: Hook, config: &Config) -> Chain {
    // Later than the filters of others, whose answer may be more to the point.
    let priority = nft::PRIORITY_FILTER + 10;
    let services = config.service_cidr.trunc();
    Chain::base(name, ChainKind::Filter, hook, priority)
        // A reset is never held back; the kernel sends messages of ICMP only so often.
        .rule(format!(
            "ip daddr {services} meta l4proto tcp reject with tcp reset"
        ))
        .rule(format!("ip daddr {services} reject"))
}
