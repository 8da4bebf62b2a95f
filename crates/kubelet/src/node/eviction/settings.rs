//! When a node counts as short of something.

use std::time::Duration;

use meta::Quantity;

/// What is watched. In order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// `memory.available`
    MemoryAvailable,
    /// `nodefs.available`: the file system of volumes and logs.
    NodeFsAvailable,
    /// `nodefs.inodesFree`
    NodeFsInodesFree,
    /// `imagefs.available`: the file system of images.
    ImageFsAvailable,
    /// `imagefs.inodesFree`
    ImageFsInodesFree,
    /// `pid.available`
    PidAvailable,
}

impl Signal {
    const ALL: [Self; 6] = [
        Self::MemoryAvailable,
        Self::NodeFsAvailable,
        Self::NodeFsInodesFree,
        Self::ImageFsAvailable,
        Self::ImageFsInodesFree,
        Self::PidAvailable,
    ];

    /// As flags and configuration write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryAvailable => "memory.available",
            Self::NodeFsAvailable => "nodefs.available",
            Self::NodeFsInodesFree => "nodefs.inodesFree",
            Self::ImageFsAvailable => "imagefs.available",
            Self::ImageFsInodesFree => "imagefs.inodesFree",
            Self::PidAvailable => "pid.available",
        }
    }

    /// The resource, as messages name it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::MemoryAvailable => "memory",
            Self::NodeFsAvailable | Self::ImageFsAvailable => "ephemeral-storage",
            Self::NodeFsInodesFree | Self::ImageFsInodesFree => "inodes",
            Self::PidAvailable => "pids",
        }
    }
}

/// How little is too little.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Least {
    /// An amount.
    Amount(Quantity),
    /// A part of all there is, between 0 and 1.
    Part(f64),
}

/// A signal and how little of it is too little.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is watched.
    pub signal: Signal,
    /// How little is too little.
    pub least: Least,
}

/// Why a text is no list of thresholds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// Not of the form `signal<value`.
    #[error("invalid eviction threshold syntax {0}, expected <signal>[<operator>]<value>")]
    Syntax(String),
    /// No such signal.
    #[error("unsupported eviction signal {0}")]
    Signal(String),
    /// The value is neither a quantity nor a percentage.
    #[error("{0:?} is neither a quantity nor a percentage between 0% and 100%")]
    Value(String),
}

impl Threshold {
    /// Reads `memory.available<100Mi`.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let (signal, least) = text
            .split_once('<')
            .ok_or_else(|| ThresholdError::Syntax(text.to_owned()))?;
        let (signal, least) = (signal.trim(), least.trim());
        let known = Signal::ALL.into_iter().find(|known| known.as_str() == signal);
        let invalid = || ThresholdError::Value(least.to_owned());
        let least = match least.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.parse().map_err(|_| invalid())?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(invalid());
                }
                Least::Part(percent / 100.0)
            }
            None => Least::Amount(Quantity::parse(least).map_err(|_| invalid())?),
        };
        let signal = known.ok_or_else(|| ThresholdError::Signal(signal.to_owned()))?;
        Ok(Self { signal, least })
    }

    /// The least amount, of a total.
    pub fn bytes(self, total: u64) -> u64 {
        match self.least {
            Least::Amount(amount) => amount.value().max(0).cast_unsigned(),
            // Exact enough: a threshold is not meant to the byte.
            Least::Part(part) => (total as f64 * part) as u64,
        }
    }
}

/// When a node counts as short of something, and for how long it says so.
#[derive(Clone, Debug, PartialEq)]
pub struct EvictionSettings {
    /// Below these, pods are ended at once. None: nothing is watched.
    pub hard: Vec<Threshold>,
    /// How long a condition holds on after the shortage is over.
    pub pressure_transition: Duration,
}

/// Upstream's defaults.
const DEFAULT_HARD: &str = "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%";
const DEFAULT_TRANSITION: Duration = Duration::from_secs(300);

impl Default for EvictionSettings {
    fn default() -> Self {
        Self::parse(DEFAULT_HARD).expect("the defaults are well-formed")
    }
}

impl EvictionSettings {
    /// Nothing is watched, nobody is evicted.
    pub fn off() -> Self {
        Self {
            hard: Vec::new(),
            pressure_transition: DEFAULT_TRANSITION,
        }
    }

    /// Reads `memory.available<100Mi,nodefs.available<10%`, as `--eviction-hard` has it.
    pub fn parse(hard: &str) -> Result<Self, ThresholdError> {
        let thresholds = hard.split(',').filter(|text| !text.trim().is_empty());
        Ok(Self {
            hard: thresholds.map(Threshold::parse).collect::<Result<_, _>>()?,
            ..Self::off()
        })
    }

    /// The threshold of a signal in bytes; zero if there is none.
    pub fn threshold_bytes(&self, signal: Signal, total: u64) -> u64 {
        let threshold = self.hard.iter().find(|threshold| threshold.signal == signal);
        threshold.map_or(0, |threshold| threshold.bytes(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read() {
        let settings = EvictionSettings::parse("memory.available<1Gi, nodefs.available<10%").unwrap();
        assert_eq!(settings.threshold_bytes(Signal::MemoryAvailable, 0), 1 << 30);
        assert_eq!(settings.threshold_bytes(Signal::NodeFsAvailable, 1000), 100);
        assert_eq!(settings.threshold_bytes(Signal::PidAvailable, 1000), 0);
        assert_eq!(EvictionSettings::parse("").unwrap(), EvictionSettings::off());
        assert_eq!(EvictionSettings::default().hard.len(), 5);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, problem) in [
            ("memory.available", "invalid eviction threshold syntax"),
            ("memory.free<1Gi", "unsupported eviction signal memory.free"),
            ("memory.available<lots", "\"lots\" is neither"),
            ("memory.available<101%", "\"101%\" is neither"),
        ] {
            let error = EvictionSettings::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
