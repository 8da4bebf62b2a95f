//! IPv4 and IPv6: one table each.

use std::net::IpAddr;

use ipnet::IpNet;

/// The name of our table, in both families.
pub(crate) const TABLE: &str = "pintle-proxy";

/// An address family, and so a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// nft's word for the table's family, and for the header whose addresses rules look at.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// nft's type of an address.
    pub(crate) fn address_type(self) -> &'static str {
        match self {
            Self::V4 => "ipv4_addr",
            Self::V6 => "ipv6_addr",
        }
    }

    /// The `addressType` of an EndpointSlice.
    pub(crate) fn slice_type(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    pub(crate) fn loopback(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.0/8",
            Self::V6 => "::1",
        }
    }

    /// The addresses of this family.
    pub(crate) fn addresses(self, all: &[IpAddr]) -> Vec<IpAddr> {
        all.iter()
            .copied()
            .filter(|&address| Self::of(address) == self)
            .collect()
    }

    /// The networks of this family as nft writes a choice; none if there are none. Overlapping ones are merged, which nft
    /// would refuse.
    pub(crate) fn networks(self, all: &[IpNet]) -> Option<String> {
        let own: Vec<IpNet> = all
            .iter()
            .filter(|network| Self::of(network.addr()) == self)
            .map(IpNet::trunc)
            .collect();
        let merged: Vec<String> = IpNet::aggregate(&own).iter().map(ToString::to_string).collect();
        match merged.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("{{ {} }}", several.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_nft_reads_them() {
        let networks = |texts: &[&str]| {
            let all: Vec<IpNet> = texts.iter().map(|text| text.parse().unwrap()).collect();
            Family::V4.networks(&all)
        };
        assert_eq!(networks(&["fd00::/64"]), None);
        assert_eq!(networks(&["10.1.2.3/16"]).as_deref(), Some("10.1.0.0/16"));
        assert_eq!(
            networks(&["10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/24"]).as_deref(),
            Some("{ 10.0.0.0/8, 192.168.0.0/24 }")
        );
    }
}
