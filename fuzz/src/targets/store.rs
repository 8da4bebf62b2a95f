//! What lies on the disk of the embedded store.

use store_embedded::fuzzing;

use super::Target;

/// Frames, records, headers, blocks and small files, one by one.
pub const PARSERS: Target = Target {
    name: "store-parsers",
    run: fuzzing::parse,
    seeds: || seeds("store-parsers"),
};

/// A store that was damaged.
pub const DAMAGED: Target = Target {
    name: "store-damaged",
    run: fuzzing::open_damaged,
    seeds: || seeds("store-damaged"),
};

/// A store of nonsense whose checksums fit.
pub const SEALED: Target = Target {
    name: "store-sealed",
    run: fuzzing::open_sealed,
    seeds: || seeds("store-sealed"),
};

fn seeds(entrance: &str) -> Vec<Vec<u8>> {
    let all = fuzzing::seeds().into_iter();
    all.filter(|(name, _)| *name == entrance)
        .map(|(_, seed)| seed)
        .collect()
}
