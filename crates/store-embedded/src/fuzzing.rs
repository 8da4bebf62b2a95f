//! Entrances for fuzzers: whatever the bytes are, what lies on disk is read or refused, and never anything else happens.
//!
//! Checksums would keep a fuzzer out of nearly everything, so each entrance comes in two forms: bytes as they are, and bytes
//! that were given the checksum they need.

mod damaged;
mod parsers;
mod sealed;

pub use damaged::open_damaged;
pub use parsers::parse;
pub use sealed::open_sealed;

/// Inputs to begin with: the name of an entrance, and what it takes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    seeds.extend(parsers::seeds().into_iter().map(|seed| ("store-parsers", seed)));
    seeds.extend(damaged::seeds().into_iter().map(|seed| ("store-damaged", seed)));
    seeds.extend(sealed::seeds().into_iter().map(|seed| ("store-sealed", seed)));
    seeds
}

#[cfg(test)]
mod tests;
