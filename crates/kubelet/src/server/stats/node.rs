//! What the whole machine uses, as the kernel tells it.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

/// What the machine uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeUse {
    /// When it was started.
    pub started_at: Timestamp,
    /// Nanoseconds of all processors together since then.
    pub cpu_nanoseconds: u64,
    pub memory: MemoryUse,
    /// The file system that pods write to.
    pub filesystem: Option<FilesystemUse>,
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    pub total: u64,
    /// Of any kind.
    pub used: u64,
    /// What could not be taken back at once.
    pub working_set: u64,
    pub anonymous: u64,
}

/// Bytes and inodes of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesystemUse {
    pub capacity: u64,
    pub available: u64,
    pub used: u64,
    pub inodes: u64,
    pub inodes_free: u64,
}

impl NodeUse {
    /// Reads it now.
    pub fn read(folder: &Path, now: Timestamp) -> io::Result<Self> {
        let uptime = std::fs::read_to_string("/proc/uptime")?;
        Ok(Self {
            started_at: started_at(&uptime, now),
            cpu_nanoseconds: cpu_nanoseconds(&std::fs::read_to_string("/proc/stat")?),
            memory: MemoryUse::parse(&std::fs::read_to_string("/proc/meminfo")?),
            // Before the first pod there may be no folder yet.
            filesystem: FilesystemUse::read(folder).ok(),
        })
    }
}

impl FilesystemUse {
    pub fn read(folder: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(Self {
            capacity: stat.f_blocks * stat.f_frsize,
            available: stat.f_bavail * stat.f_frsize,
            used: (stat.f_blocks - stat.f_bfree) * stat.f_frsize,
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        })
    }
}

impl MemoryUse {
    /// From `/proc/meminfo`.
    fn parse(text: &str) -> Self {
        let bytes = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.trim().strip_suffix("kB"));
            number
                .and_then(|number| number.trim().parse::<u64>().ok())
                .unwrap_or(0)
                * 1024
        };
        let total = bytes("MemTotal");
        let used = total.saturating_sub(bytes("MemFree"));
        Self {
            total,
            used,
            working_set: used.saturating_sub(bytes("Inactive(file)")),
            anonymous: bytes("AnonPages"),
        }
    }
}

fn started_at(uptime: &str, now: Timestamp) -> Timestamp {
    let seconds = uptime
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok());
    let uptime = SignedDuration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default();
    now.checked_sub(uptime).unwrap_or(now)
}

/// Ticks that processors were busy, of a hundredth of a second each, from the first line of `/proc/stat`.
fn cpu_nanoseconds(text: &str) -> u64 {
    const TICK_NANOSECONDS: u64 = 10_000_000;
    let line = text.lines().next().unwrap_or_default();
    let ticks = line
        .split_whitespace()
        .skip(1)
        .map(|word| word.parse::<u64>().unwrap_or(0));
    // user, nice, system, idle, iowait, irq, softirq, steal; time of guests is in the first two already.
    let busy = ticks
        .take(8)
        .enumerate()
        .filter(|(at, _)| !matches!(at, 3 | 4))
        .map(|(_, ticks)| ticks);
    busy.sum::<u64>() * TICK_NANOSECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "cpu  10 1 5 1000 50 2 3 4 99 99\ncpu0 1 1 1 1\n";
        assert_eq!(cpu_nanoseconds(stat), 25 * 10_000_000);
        let memory = MemoryUse::parse(
            "MemTotal:  100 kB\nMemFree:  40 kB\nInactive(file): 10 kB\nAnonPages:   7 kB\n",
        );
        let expected = MemoryUse {
            total: 100 << 10,
            used: 60 << 10,
            working_set: 50 << 10,
            anonymous: 7 << 10,
        };
        assert_eq!(memory, expected);
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(
            started_at("60.00 100.00\n", now).to_string(),
            "2026-01-01T00:00:00Z"
        );
    }

    #[test]
    fn this_machine_can_be_read() {
        let reading = NodeUse::read(Path::new("/"), Timestamp::now()).unwrap();
        assert!(reading.cpu_nanoseconds > 0);
        assert!(reading.memory.total > reading.memory.working_set);
        assert!(reading.filesystem.unwrap().capacity > 0);
    }
}
