//! Ranges of service addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::pool::Pool;

/// Version 4 or 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    IPv4,
    IPv6,
}

impl Family {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv6() { Self::IPv6 } else { Self::IPv4 }
    }

    /// As a Service spells it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "IPv4" => Some(Self::IPv4),
            "IPv6" => Some(Self::IPv6),
            _ => None,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::IPv4 => Self::IPv6,
            Self::IPv6 => Self::IPv4,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why an address cannot be had, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("the provided network does not match the current range")]
    OtherRange,
    /// What a dry run says instead.
    #[error("the provided IP ({0}) is not in the valid range. The range of valid IPs is {1}")]
    OutOfRange(IpAddr, IpNet),
    #[error("provided IP is already allocated")]
    Taken,
    #[error("range is full")]
    Full,
}

/// A range of service addresses: without the network's own address, and without the broadcast address.
#[derive(Clone, Debug)]
pub struct AddressRange {
    network: IpNet,
    first: u128,
    last: u128,
    family: Family,
    pool: Pool,
}

impl AddressRange {
    /// The addresses of a network that Services can have.
    pub fn new(network: IpNet) -> Self {
        let (network_address, last) = match network {
            IpNet::V4(v4) => (number(v4.network().into()), number(v4.broadcast().into()) - 1),
            IpNet::V6(v6) => (number(v6.network().into()), number(v6.broadcast().into())),
        };
        let first = network_address + 1;
        let size = last.saturating_sub(first) + 1;
        Self {
            network: network.trunc(),
            first,
            last,
            family: Family::of(network.addr()),
            pool: Pool::new(size, kept_for_choice(size)),
        }
    }

    /// Version 4 or 6.
    pub fn family(&self) -> Family {
        self.family
    }

    pub(super) fn network(&self) -> IpNet {
        self.network
    }

    pub(super) fn free(&self) -> u128 {
        self.pool.free()
    }

    /// Whether an address lies in the range.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        Family::of(address) == self.family && (self.first..=self.last).contains(&number(address))
    }

    pub(super) fn take(&mut self, address: IpAddr) -> Result<(), AddressError> {
        if !self.contains(address) {
            return Err(AddressError::OtherRange);
        }
        if self.pool.take(number(address) - self.first) {
            Ok(())
        } else {
            Err(AddressError::Taken)
        }
    }

    pub(super) fn take_any(&mut self, random: u128) -> Result<IpAddr, AddressError> {
        let offset = self.pool.take_any(random).ok_or(AddressError::Full)?;
        Ok(self.address(self.first + offset))
    }

    pub(super) fn hold(&mut self, address: IpAddr) {
        if self.contains(address) {
            self.pool.hold(number(address) - self.first);
        }
    }

    pub(super) fn give_back(&mut self, address: IpAddr) {
        if self.contains(address) {
            self.pool.give_back(number(address) - self.first);
        }
    }

    /// The network's own address, which is not among those that are given.
    pub(super) fn network_address(&self) -> IpAddr {
        self.address(self.first - 1)
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.family {
            Family::IPv4 => IpAddr::from((number as u32).to_be_bytes()),
            Family::IPv6 => IpAddr::from(number.to_be_bytes()),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// How many of the first addresses are for those who choose one: a sixteenth, between 16 and 256 (KEP-3070).
fn kept_for_choice(size: u128) -> u128 {
    if size <= 16 { 0 } else { (size / 16).clamp(16, 256) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        AddressRange::new(text.parse().expect("a network"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_come_from_the_range_once() {
        let mut range = range("10.43.0.0/16");
        for (address, wanted) in [
            ("10.43.0.1", Ok(())),
            ("10.43.0.1", Err(AddressError::Taken)),
            ("10.43.255.254", Ok(())),
            ("10.43.0.0", Err(AddressError::OtherRange)),
            ("10.43.255.255", Err(AddressError::OtherRange)),
            ("10.44.0.1", Err(AddressError::OtherRange)),
            ("fd00::1", Err(AddressError::OtherRange)),
        ] {
            assert_eq!(range.take(ip(address)), wanted, "{address}");
        }
        assert_eq!(
            range.take_any(0),
            Ok(ip("10.43.1.1")),
            "the first 256 are for those who choose"
        );
        range.give_back(ip("10.43.0.1"));
        assert_eq!(range.take(ip("10.43.0.1")), Ok(()));
    }

    #[test]
    fn a_small_range_runs_full() {
        let mut range = range("192.0.2.0/29");
        let mut given: Vec<IpAddr> = std::iter::from_fn(|| range.take_any(3).ok()).collect();
        given.sort();
        assert_eq!(given.first(), Some(&ip("192.0.2.1")));
        assert_eq!(given.len(), 6);
        assert_eq!(range.take_any(0), Err(AddressError::Full));
    }

    #[test]
    fn version_6_ranges_are_as_good() {
        let mut range = range("fd00:10:96::/108");
        assert_eq!(range.take(ip("fd00:10:96::1")), Ok(()));
        assert_eq!(range.take_any(0), Ok(ip("fd00:10:96::101")));
        assert_eq!(range.take(ip("fd00:10:96::f:ffff")), Ok(()));
    }
}
