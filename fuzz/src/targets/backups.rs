//! Backup files.

use backup::fuzzing;

use super::Target;

/// A backup that was damaged: it comes back as it was written, or not at all.
pub const DAMAGED: Target = Target {
    name: "backup-damaged",
    run: fuzzing::read_damaged,
    seeds: || seeds("backup-damaged"),
};

/// Nonsense whose checksums fit, restored into a data directory.
pub const SEALED: Target = Target {
    name: "backup-sealed",
    run: fuzzing::restore_sealed,
    seeds: || seeds("backup-sealed"),
};

fn seeds(entrance: &str) -> Vec<Vec<u8>> {
    let all = fuzzing::seeds().into_iter();
    all.filter(|(name, _)| *name == entrance)
        .map(|(_, seed)| seed)
        .collect()
}
