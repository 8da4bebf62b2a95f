//! The range of node ports.

use std::ops::RangeInclusive;

use super::pool::Pool;

/// Why a port cannot be had, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PortError {
    #[error("provided port is not in the valid range. The range of valid ports is {0}-{1}")]
    OutOfRange(u16, u16),
    #[error("provided port is already allocated")]
    Taken,
    #[error("range is full")]
    Full,
}

/// The ports of nodes that Services can have.
#[derive(Clone, Debug)]
pub struct PortRange {
    range: RangeInclusive<u16>,
    pool: Pool,
}

impl PortRange {
    /// A range (`--service-node-port-range`).
    pub fn new(range: RangeInclusive<u16>) -> Self {
        let size = u128::from(range.end().saturating_sub(*range.start())) + 1;
        Self {
            range,
            pool: Pool::new(size, kept_for_choice(size)),
        }
    }

    pub(super) fn free(&self) -> u128 {
        self.pool.free()
    }

    /// Takes a port of the caller's choice. A dry run does not mind ports out of range.
    pub(super) fn take(&mut self, port: u16, dry_run: bool) -> Result<(), PortError> {
        match self.offset(port) {
            Some(offset) if self.pool.take(offset) => Ok(()),
            Some(_) => Err(PortError::Taken),
            None if dry_run => Ok(()),
            None => Err(self.out_of_range()),
        }
    }

    /// What is said of ports that nobody can have.
    pub(super) fn out_of_range(&self) -> PortError {
        PortError::OutOfRange(*self.range.start(), *self.range.end())
    }

    pub(super) fn take_any(&mut self, random: u128) -> Result<u16, PortError> {
        let offset = self.pool.take_any(random).ok_or(PortError::Full)?;
        Ok(self.range.start() + offset as u16)
    }

    pub(super) fn hold(&mut self, port: u16) {
        if let Some(offset) = self.offset(port) {
            self.pool.hold(offset);
        }
    }

    pub(super) fn give_back(&mut self, port: u16) {
        if let Some(offset) = self.offset(port) {
            self.pool.give_back(offset);
        }
    }

    fn offset(&self, port: u16) -> Option<u128> {
        self.range
            .contains(&port)
            .then(|| u128::from(port - self.range.start()))
    }
}

impl Default for PortRange {
    fn default() -> Self {
        Self::new(30000..=32767)
    }
}

/// How many of the first ports are for those who choose one: one in 32, between 16 and 128 (KEP-3668).
fn kept_for_choice(size: u128) -> u128 {
    if size <= 16 { 0 } else { (size / 32).clamp(16, 128) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_from_the_range_once() {
        let mut range = PortRange::default();
        let outside = || Err(PortError::OutOfRange(30000, 32767));
        for (port, wanted) in [
            (30000, Ok(())),
            (30000, Err(PortError::Taken)),
            (32767, Ok(())),
            (32768, outside()),
            (80, outside()),
        ] {
            assert_eq!(range.take(port, false), wanted, "{port}");
        }
        assert_eq!(range.take(80, true), Ok(()));
        assert_eq!(range.take(30000, true), Err(PortError::Taken));
        assert_eq!(
            range.take_any(0),
            Ok(30086),
            "the first 86 are for those who choose"
        );
        assert_eq!(
            outside().map_err(|e| e.to_string()),
            Err(String::from(
                "provided port is not in the valid range. The range of valid ports is 30000-32767"
            ))
        );
    }
}
