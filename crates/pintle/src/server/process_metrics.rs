//! What the process is to its machine, under the names that every collector of metrics knows.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use apiserver::MetricsSource;

/// The kernel tells times of processes in hundredths of a second, whatever it counts them in itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the kernel's files when the metrics are asked for. A file that cannot be read is left out.
pub(super) fn source() -> MetricsSource {
    Arc::new(|out| {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let process = Process {
            stat: read("/proc/self/stat"),
            status: read("/proc/self/status"),
            limits: read("/proc/self/limits"),
            machine: read("/proc/stat"),
            open_files: fs::read_dir("/proc/self/fd").map(Iterator::count).ok(),
        };
        process.write(out);
    })
}

/// The files.
#[derive(Debug, Default)]
struct Process {
    stat: String,
    status: String,
    limits: String,
    machine: String,
    open_files: Option<usize>,
}

impl Process {
    fn write(&self, out: &mut String) {
        let counter = [(
            "cpu_seconds_total",
            "CPU time of the process, in seconds.",
            self.cpu_seconds(),
        )];
        let gauges = [
            (
                "resident_memory_bytes",
                "Memory that is resident.",
                self.bytes("VmRSS:"),
            ),
            (
                "virtual_memory_bytes",
                "Memory that is mapped.",
                self.bytes("VmSize:"),
            ),
            (
                "start_time_seconds",
                "When the process was started, in seconds since 1970.",
                self.started(),
            ),
            (
                "open_fds",
                "Open files.",
                self.open_files.map(|count| count as f64),
            ),
            ("max_fds", "Files that may be open.", self.most_open_files()),
        ];
        for (kind, samples) in [("counter", &counter[..]), ("gauge", &gauges[..])] {
            for (name, help, value) in samples {
                if let Some(value) = value {
                    // Writing into a text cannot fail.
                    let _ = write!(
                        out,
                        "# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}\n"
                    );
                }
            }
        }
    }

    /// A field behind the program's name, which may hold anything; the process' state is the first.
    fn field(&self, number: usize) -> Option<f64> {
        let (_, fields) = self.stat.rsplit_once(')')?;
        fields.split_whitespace().nth(number)?.parse().ok()
    }

    fn cpu_seconds(&self) -> Option<f64> {
        Some((self.field(11)? + self.field(12)?) / TICKS_PER_SECOND)
    }

    fn started(&self) -> Option<f64> {
        let boot: f64 = word_behind(&self.machine, "btime")?.parse().ok()?;
        Some(boot + self.field(19)? / TICKS_PER_SECOND)
    }

    fn bytes(&self, name: &str) -> Option<f64> {
        let kilobytes: f64 = word_behind(&self.status, name)?.parse().ok()?;
        Some(kilobytes * 1024.0)
    }

    fn most_open_files(&self) -> Option<f64> {
        word_behind(&self.limits, "Max open files")?.parse().ok()
    }
}

/// The first word behind the beginning of a line.
fn word_behind<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(beginning));
    lines.next()?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let process = Process {
            stat: String::from("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 5 0 4200 1 2"),
            status: String::from("Name:\ta\nVmSize:\t  2000 kB\nVmRSS:\t  1000 kB\n"),
            limits: String::from("Limit   Soft  Hard\nMax open files            1024   4096   files\n"),
            machine: String::from("cpu 1 2\nbtime 1700000000\n"),
            open_files: Some(9),
        };
        let mut text = String::new();
        process.write(&mut text);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "process_cpu_seconds_total 3",
                "process_resident_memory_bytes 1024000",
                "process_virtual_memory_bytes 2048000",
                "process_start_time_seconds 1700000042",
                "process_open_fds 9",
                "process_max_fds 1024",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let mut text = String::new();
        Process::default().write(&mut text);
        assert_eq!(text, "");
    }
}
