//! What lies on disk, byte by byte. `docs/store-format.md` draws it.
//!
//! Numbers are little-endian. Everything is covered by a checksum whose seed depends on the store and the
//! segment, so that what is left of another store or of another life of the same space never looks valid.

pub(crate) mod checkpoint;
pub(crate) mod checksum;
pub(crate) mod end;
pub(crate) mod fields;
pub(crate) mod frame;
pub(crate) mod identity;
pub(crate) mod packing;
pub(crate) mod record;
pub(crate) mod segment;

/// Why bytes cannot be what was written.
pub(crate) type Problem = &'static str;
