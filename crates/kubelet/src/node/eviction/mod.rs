//! What a node does when it runs short: it says so on its conditions, takes no more of the cheapest pods, and ends pods
//! until there is enough again. Pure: thresholds, conditions and the choice of who has to go.

mod choice;
mod settings;

use std::time::Duration;

use jiff::Timestamp;

pub use choice::{Candidate, choose, verdict};
pub use settings::{EvictionSettings, Least, Signal, Threshold, ThresholdError};

use super::machine::{FileSystem, Memory, Processes};
use crate::plan::later;

/// What there is at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measures {
    pub memory: Memory,
    pub node_fs: Option<FileSystem>,
    pub image_fs: Option<FileSystem>,
    pub processes: Processes,
}

impl Measures {
    /// What there is of a thing, and what is left of it; none if it is not known.
    pub fn of(&self, signal: Signal) -> Option<(u64, u64)> {
        let space = |fs: FileSystem| (fs.capacity_bytes, fs.available_bytes);
        // File systems that make inodes as needed count none.
        let inodes = |fs: FileSystem| (fs.inodes > 0).then_some((fs.inodes, fs.inodes_free));
        match signal {
            Signal::MemoryAvailable => (self.memory.total_bytes > 0)
                .then_some((self.memory.total_bytes, self.memory.available_bytes)),
            Signal::NodeFsAvailable => self.node_fs.map(space),
            Signal::NodeFsInodesFree => self.node_fs.and_then(inodes),
            Signal::ImageFsAvailable => self.image_fs.map(space),
            Signal::ImageFsInodesFree => self.image_fs.and_then(inodes),
            Signal::PidAvailable => {
                let processes = self.processes;
                (processes.max > 0).then(|| (processes.max, processes.max.saturating_sub(processes.running)))
            }
        }
    }
}

/// What the node is short of, as its conditions say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    pub memory: bool,
    pub disk: bool,
    pub pid: bool,
}

impl Pressure {
    /// The names of the conditions that hold.
    pub fn conditions(self) -> Vec<&'static str> {
        let all = [
            (self.memory, "MemoryPressure"),
            (self.disk, "DiskPressure"),
            (self.pid, "PIDPressure"),
        ];
        all.into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, name)| name)
            .collect()
    }
}

/// A threshold that is crossed, and what is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shortage {
    pub threshold: Threshold,
    pub total: u64,
    pub available: u64,
}

/// The thresholds that are crossed, memory first: it is what runs out fastest.
pub fn shortages(settings: &EvictionSettings, measures: &Measures) -> Vec<Shortage> {
    let crossed = settings.hard.iter().filter_map(|threshold| {
        let (total, available) = measures.of(threshold.signal)?;
        (available < threshold.bytes(total)).then_some(Shortage {
            threshold: *threshold,
            total,
            available,
        })
    });
    let mut shortages: Vec<Shortage> = crossed.collect();
    shortages.sort_by_key(|shortage| shortage.threshold.signal);
    shortages
}

/// When each kind of pressure was last seen. A condition holds on for a while, so that it does not flutter.
#[derive(Clone, Copy, Debug, Default)]
pub struct PressureMemory {
    memory: Option<Timestamp>,
    disk: Option<Timestamp>,
    pid: Option<Timestamp>,
}

impl PressureMemory {
    /// Takes note of what is short now; gives what the conditions are to say.
    pub fn update(&mut self, shortages: &[Shortage], hold: Duration, now: Timestamp) -> Pressure {
        for shortage in shortages {
            let seen = match shortage.threshold.signal {
                Signal::MemoryAvailable => &mut self.memory,
                Signal::PidAvailable => &mut self.pid,
                Signal::NodeFsAvailable
                | Signal::NodeFsInodesFree
                | Signal::ImageFsAvailable
                | Signal::ImageFsInodesFree => &mut self.disk,
            };
            *seen = Some(now);
        }
        let holds = |seen: Option<Timestamp>| seen.is_some_and(|seen| seen == now || now < later(seen, hold));
        Pressure {
            memory: holds(self.memory),
            disk: holds(self.disk),
            pid: holds(self.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn measures(memory_mib: u64, disk_percent: u64) -> Measures {
        Measures {
            memory: Memory {
                total_bytes: 1 << 30,
                available_bytes: memory_mib << 20,
            },
            node_fs: Some(FileSystem {
                capacity_bytes: 1000,
                available_bytes: disk_percent * 10,
                ..FileSystem::default()
            }),
            ..Measures::default()
        }
    }

    #[track_caller]
    fn check(measures: Measures, expected: &[Signal]) {
        let found = shortages(&EvictionSettings::default(), &measures);
        let signals: Vec<Signal> = found.iter().map(|shortage| shortage.threshold.signal).collect();
        assert_eq!(signals, expected);
    }

    #[test]
    fn thresholds_are_crossed_from_above() {
        check(measures(500, 50), &[]);
        check(measures(100, 10), &[]);
        check(measures(99, 50), &[Signal::MemoryAvailable]);
        check(
            measures(99, 9),
            &[Signal::MemoryAvailable, Signal::NodeFsAvailable],
        );
        check(Measures::default(), &[]);
        assert!(shortages(&EvictionSettings::off(), &measures(1, 1)).is_empty());
    }

    #[test]
    fn pressure_holds_on() {
        let mut memory = PressureMemory::default();
        let settings = EvictionSettings::default();
        let mut update = |mib, second| {
            memory.update(
                &shortages(&settings, &measures(mib, 50)),
                Duration::from_secs(300),
                at(second),
            )
        };
        assert_eq!(update(500, 0), Pressure::default());
        assert_eq!(update(50, 10).conditions(), ["MemoryPressure"]);
        assert_eq!(update(500, 309).conditions(), ["MemoryPressure"]);
        assert_eq!(update(500, 310), Pressure::default());
    }
}
