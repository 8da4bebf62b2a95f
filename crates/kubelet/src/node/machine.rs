//! What this machine is: processors, memory, kernel, system.

use std::fs;
use std::path::Path;

use rustix::fs::statvfs;

/// Facts that do not change while the machine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFacts {
    pub cpus: u64,
    pub memory_bytes: u64,
    pub machine_id: String,
    pub system_uuid: String,
    pub boot_id: String,
    pub kernel_version: String,
    pub os_image: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
}

impl MachineFacts {
    /// Looks at this machine. What cannot be read is empty.
    pub fn read() -> Self {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let machine_id = line("/etc/machine-id");
        let system_uuid = Some(line("/sys/class/dmi/id/product_uuid")).filter(|uuid| !uuid.is_empty());
        Self {
            cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
            memory_bytes: Memory::read().total_bytes,
            // Upstream takes the machine's own id where the hardware has none to tell.
            system_uuid: system_uuid.unwrap_or_else(|| machine_id.clone()),
            machine_id,
            boot_id: line("/proc/sys/kernel/random/boot_id"),
            kernel_version: line("/proc/sys/kernel/osrelease"),
            os_image: os_image(&line("/etc/os-release")),
            architecture: architecture().to_owned(),
        }
    }
}

/// The architecture by the name Kubernetes uses.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_image(os_release: &str) -> String {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

/// The machine's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub total_bytes: u64,
    /// What could be had without pushing anything out that is in use.
    pub available_bytes: u64,
}

impl Memory {
    pub fn read() -> Self {
        Self::parse(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }

    fn parse(meminfo: &str) -> Self {
        let field = |name: &str| {
            let line = meminfo
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kilobytes.unwrap_or(0) * 1024
        };
        Self {
            total_bytes: field("MemTotal"),
            available_bytes: field("MemAvailable"),
        }
    }
}

/// A file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    pub capacity_bytes: u64,
    pub available_bytes: u64,
    pub inodes: u64,
    pub inodes_free: u64,
}

impl FileSystem {
    /// The file system a path lies on; none if it cannot be asked.
    pub fn of(path: &Path) -> Option<Self> {
        let found = statvfs(path).ok()?;
        Some(Self {
            capacity_bytes: found.f_blocks * found.f_frsize,
            available_bytes: found.f_bavail * found.f_frsize,
            inodes: found.f_files,
            inodes_free: found.f_ffree,
        })
    }
}

/// Processes of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    pub max: u64,
    pub running: u64,
}

impl Processes {
    pub fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let limits = [
            number("/proc/sys/kernel/pid_max"),
            number("/proc/sys/kernel/threads-max"),
        ];
        Self {
            max: limits.into_iter().flatten().min().unwrap_or(0),
            running: threads(&load).unwrap_or(0),
        }
    }
}

/// The fourth field of the load: `running/all`.
fn threads(load: &str) -> Option<u64> {
    load.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read() {
        let memory =
            Memory::parse("MemTotal:       8140864 kB\nMemFree: 1 kB\nMemAvailable:    6000000 kB\n");
        assert_eq!(
            memory,
            Memory {
                total_bytes: 8_140_864 * 1024,
                available_bytes: 6_000_000 * 1024
            }
        );
        assert_eq!(threads("0.00 0.01 0.05 2/345 6789\n"), Some(345));
        assert_eq!(
            os_image("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(os_image(""), "Linux");
    }

    #[test]
    fn this_machine_has_what_a_machine_has() {
        let facts = MachineFacts::read();
        assert!(facts.cpus > 0 && facts.memory_bytes > 0 && !facts.kernel_version.is_empty());
        let disk = FileSystem::of(Path::new("/")).unwrap();
        assert!(disk.capacity_bytes >= disk.available_bytes && disk.capacity_bytes > 0);
        let processes = Processes::read();
        assert!(processes.running > 0 && processes.max > processes.running);
    }
}
