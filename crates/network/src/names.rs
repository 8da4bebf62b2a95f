//! The names by which pintle knows what it made.

use sha2::{Digest, Sha256};

/// The bridge's name, unless another is asked for.
pub const DEFAULT_BRIDGE: &str = "pintle0";

/// The tunnel's name.
pub const TUNNEL: &str = "pintle-vx";

/// The maker's number on routes. It is nobody's in iproute2's list.
pub const ROUTE_PROTOCOL: u8 = 80;

/// The table of the node's own rules.
pub const NETWORK_TABLE: &str = "pintle-network";

/// The table of pods' host ports.
pub const HOST_PORTS_TABLE: &str = "pintle-hostports";

/// The network's configuration file: first in order, because its neighbours may be other networks'.
pub const CONFLIST: &str = "10-pintle.conflist";

/// The network's name.
pub const NETWORK: &str = "pintle";

/// The plugin's name.
pub const PLUGIN: &str = "pintle-cni";

/// The name of the plugin that switches a pod's loopback interface on.
pub const LOOPBACK_PLUGIN: &str = "loopback";

/// How the node's ends of pods' cables begin.
const CABLE_PREFIX: &str = "pv";

/// The longest name of an interface.
pub const INTERFACE_NAME_MAX: usize = 15;

/// The node's end of a pod's cable. The same container has the same, so that it is found when nothing else is known.
pub fn cable(container_id: &str, interface: &str) -> String {
    let digest = Sha256::digest(format!("{container_id}/{interface}"));
    let digits: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{CABLE_PREFIX}{digits}")
}

/// Whether an interface's name is that of a cable's end.
pub fn is_cable(name: &str) -> bool {
    let digits = name.strip_prefix(CABLE_PREFIX).unwrap_or_default();
    digits.len() == 12
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cables_are_known_by_their_names() {
        let name = cable("0123", "eth0");
        assert!(is_cable(&name) && name.len() <= INTERFACE_NAME_MAX);
        assert_eq!(name, cable("0123", "eth0"));
        assert_ne!(name, cable("0123", "eth1"));
        for other in ["", "pv", "eth0", "pv0123456789ag", "veth0123456789ab"] {
            assert!(!is_cable(other), "{other}");
        }
    }
}
