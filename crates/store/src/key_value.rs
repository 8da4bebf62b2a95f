//! A key with its value and its place in history.

use bytes::Bytes;

use crate::{Key, Revision};

/// A key with its value as of some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The value. Empty in answers that were asked for keys only, and in the record of a deletion.
    pub value: Bytes,
    /// The revision that made the key, after its last deletion if there was one. Zero in the record of a
    /// deletion.
    pub create_revision: Revision,
    /// The revision that last changed the key.
    pub mod_revision: Revision,
    /// How many times the key was put since it was made: 1 for a fresh key. Zero in the record of a deletion.
    pub version: u64,
}
