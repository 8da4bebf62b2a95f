//! One version of a key, and where its value lies.

use smallvec::SmallVec;
use store::{Key, KeyValue, Revision};

/// The versions of a key, oldest first. Nearly all keys have one.
pub(crate) type Versions = SmallVec<[Version; 1]>;

/// What a key became at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) revision: u64,
    /// The revision that made the key; zero if this is its deletion.
    pub(crate) create_revision: u64,
    pub(crate) version: u64,
    /// When the key expires, in milliseconds since 1970; zero if never.
    pub(crate) expires_ms: u64,
    pub(crate) location: Location,
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    /// Zero for a deletion, which needs no record once it is in the index.
    pub(crate) length: u32,
}

impl Version {
    /// A deletion.
    pub(crate) fn deletion(revision: u64) -> Self {
        Self {
            revision,
            create_revision: 0,
            version: 0,
            expires_ms: 0,
            location: Location::default(),
        }
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.create_revision == 0
    }

    /// The key as of this version, with the value given.
    pub(crate) fn key_value(&self, key: Key, value: bytes::Bytes) -> KeyValue {
        KeyValue {
            key,
            value,
            create_revision: Revision::new(self.create_revision),
            mod_revision: Revision::new(self.revision),
            version: self.version,
        }
    }
}
