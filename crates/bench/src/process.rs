//! What processes use, read from /proc.

use std::time::Duration;

/// Kernel ticks per second, fixed on Linux for what /proc tells.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time that processes have used so far.
pub fn cpu(pids: &[u32]) -> Duration {
    let ticks: u64 = pids.iter().filter_map(|&pid| ticks(pid)).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

fn ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces; it ends with the last parenthesis. User and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Resident memory of processes, MB.
pub fn resident_mb(pids: &[u32]) -> f64 {
    let kilobytes: u64 = pids.iter().filter_map(|&pid| kilobytes(pid, "VmRSS:")).sum();
    kilobytes as f64 / 1024.0
}

/// The most memory that processes have had resident so far, MB.
pub fn peak_mb(pids: &[u32]) -> f64 {
    let kilobytes: u64 = pids.iter().filter_map(|&pid| kilobytes(pid, "VmHWM:")).sum();
    kilobytes as f64 / 1024.0
}

fn kilobytes(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
