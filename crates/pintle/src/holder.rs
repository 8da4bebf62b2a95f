//! Which process holds a data directory.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::{major, minor};

/// The process that holds a data directory, as the kernel knows it: what a process has said of itself may be a number of
/// another namespace, or of an earlier time. None if nobody holds it, or somebody who cannot be seen from here.
pub fn holder(data_dir: &Path) -> Option<u32> {
    let lock = std::fs::metadata(data_dir.join(cluster::data_dir::LOCK)).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let device = format!("{:02x}:{:02x}", major(lock.dev()), minor(lock.dev()));
    find(&locks, &format!("{device}:{}", lock.ino()))
}

/// `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE START END`; who waits for a lock has `->` behind the number.
fn find(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _, access) = (words.next()?, words.next()?, words.next()?);
        let (process, locked) = (words.next()?, words.next()?);
        (kind == "FLOCK" && access == "WRITE" && locked == file).then(|| process.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use cluster::DataDir;

    use super::*;

    #[test]
    fn the_holder_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 5 fe:00:7 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 6 fe:00:77 0 EOF\n\
            3: FLOCK  ADVISORY  READ  7 fe:00:7 0 EOF\n\
            4: FLOCK  ADVISORY  WRITE 8 fe:00:7 0 EOF\n\
            4: -> FLOCK  ADVISORY  WRITE 9 fe:00:7 0 EOF\n";
        assert_eq!(find(locks, "fe:00:7"), Some(8));
        assert_eq!(find(locks, "fe:00:8"), None);
    }

    #[test]
    fn this_process_is_found_while_it_holds() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(holder(folder.path()), None);
        let held = DataDir::open(folder.path()).expect("held");
        assert_eq!(holder(folder.path()), Some(std::process::id()));
        drop(held);
        assert_eq!(holder(folder.path()), None);
    }
}
