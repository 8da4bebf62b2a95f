//! Flows of datagrams that the kernel still sends to where they no longer may go.
//!
//! The rules see only the first packet of a flow. A TCP connection to an endpoint that is gone breaks by itself; a flow of
//! datagrams from one port goes on for ever, to nobody. So when the endpoints of a UDP port change, the kernel is asked
//! for its flows, and those that the rules would now send elsewhere are deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use linux::{Conntrack, ConntrackError};

use crate::config::Config;
use crate::plan::Front;

/// Where datagrams may go, by where they are sent.
pub(crate) type Fronts = BTreeMap<Front, BTreeSet<SocketAddr>>;

/// Deletes the flows that go where they may not; gives how many there were.
pub(crate) async fn clear(fronts: &Fronts, config: &Config) -> Result<usize, ConntrackError> {
    let conntrack = Conntrack::open()?;
    let mut flows = conntrack.udp_flows().await?;
    flows.retain(|flow| is_stale(flow.destination, flow.answered_by, fronts, config));
    for flow in &flows {
        conntrack.delete(flow).await?;
    }
    Ok(flows.len())
}

/// Whether a flow goes elsewhere than the rules would send it now. One that goes to no endpoint, because there was none,
/// is stale once there is one.
fn is_stale(to: SocketAddr, answered_by: SocketAddr, fronts: &Fronts, config: &Config) -> bool {
    let at_node_port = || {
        config
            .serves_node_ports_at(to.ip())
            .then(|| fronts.get(&Front::NodePort(to.port())))?
    };
    fronts
        .get(&Front::Address(to))
        .or_else(at_node_port)
        .is_some_and(|endpoints| !endpoints.contains(&answered_by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_to_other_endpoints_are_stale() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let fronts = Fronts::from([
            (
                Front::Address(address("10.43.0.10:53")),
                BTreeSet::from([address("10.42.0.2:5353")]),
            ),
            (Front::Address(address("10.43.0.11:53")), BTreeSet::new()),
            (
                Front::NodePort(30053),
                BTreeSet::from([address("10.42.0.2:5353")]),
            ),
        ]);
        let config = Config::new("n", vec!["192.168.0.1".parse().unwrap()]);
        let check = |to: &str, from: &str, expected: bool| {
            let found = is_stale(address(to), address(from), &fronts, &config);
            assert_eq!(found, expected, "{to} {from}");
        };
        check("10.43.0.10:53", "10.42.0.2:5353", false);
        check("10.43.0.10:53", "10.42.0.3:5353", true);
        check("10.43.0.10:53", "10.43.0.10:53", true);
        check("10.43.0.10:54", "10.42.0.3:5353", false);
        check("10.43.0.11:53", "10.42.0.2:5353", true);
        check("192.168.0.1:30053", "10.42.0.2:5353", false);
        check("192.168.0.1:30053", "10.42.0.9:5353", true);
        check("192.168.0.9:30053", "10.42.0.9:5353", false);
        check("8.8.8.8:53", "8.8.8.8:53", false);
    }
}
