//! Changing the store: everything of a transaction in one revision, or nothing.

use std::time::Duration;

use bytes::Bytes;

use crate::{Key, KeyRange, KeyValue, Revision, StoreError};

/// Changes that are made together if every precondition holds.
///
/// Each key may be changed at most once. Preconditions may name any keys and ranges, also ones that are not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold. With none, the transaction always succeeds.
    pub preconditions: Vec<Precondition>,
    /// What must hold of ranges besides.
    pub quiet_ranges: Vec<QuietRange>,
    /// What is done then.
    pub operations: Vec<Operation>,
}

/// "The key was last changed by this revision."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// The key in question.
    pub key: Key,
    /// The revision that must have changed it last; [`Revision::ZERO`] demands that there is no such key.
    pub mod_revision: Revision,
}

/// "No key of the range was put after this revision." Together with a [`Precondition`] for every key that the range held then,
/// it says that the range holds now what it held then: deletions alone are not seen by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietRange {
    /// The range in question.
    pub range: KeyRange,
    /// The last revision that may have put any of its keys.
    pub since: Revision,
}

/// One change of a [`Transaction`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sets a key.
    Put(Put),
    /// Removes a key. Nothing happens if there is none.
    Delete(Key),
}

impl Operation {
    /// The key that is changed.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(put) => &put.key,
            Self::Delete(key) => key,
        }
    }
}

/// Sets a key to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: Key,
    /// Its new value.
    pub value: Bytes,
    /// The store deletes the key after this time, in a revision of its own, unless it was put again before. A
    /// put without a time to live takes away an earlier one.
    pub time_to_live: Option<Duration>,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The preconditions held and the changes are durable.
    Committed {
        /// The revision of the changes. A transaction that changed nothing (no operations, or deletions of
        /// absent keys) makes no revision, and this is the current one.
        revision: Revision,
    },
    /// A precondition did not hold, or a range was not quiet; nothing was changed.
    Conflict {
        /// The revision at which that was seen.
        revision: Revision,
        /// What the store held at that revision for the key of each precondition, in the order of the
        /// preconditions.
        current: Vec<Option<KeyValue>>,
    },
}

impl Outcome {
    /// The revision, if the changes were made.
    pub fn committed(&self) -> Option<Revision> {
        match self {
            Self::Committed { revision } => Some(*revision),
            Self::Conflict { .. } => None,
        }
    }
}

impl Transaction {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `key` if there is no such key.
    pub fn create(key: Key, value: Bytes) -> Self {
        Self::update(key, Revision::ZERO, value)
    }

    /// Puts `key` if it was last changed by `mod_revision`.
    pub fn update(key: Key, mod_revision: Revision, value: Bytes) -> Self {
        Self::new().require(key.clone(), mod_revision).put(key, value)
    }

    /// Deletes `key` if it was last changed by `mod_revision`.
    pub fn delete_at(key: Key, mod_revision: Revision) -> Self {
        Self::new().require(key.clone(), mod_revision).delete(key)
    }

    /// Refuses a transaction that contradicts itself: [`StoreError::Invalid`] for an empty key or one that is
    /// changed twice. For backends.
    pub fn validate(&self) -> Result<(), StoreError> {
        if self.operations.iter().any(|operation| operation.key().is_empty()) {
            return Err(StoreError::Invalid("a key must not be empty"));
        }
        if self.operations.len() < 2 {
            return Ok(());
        }
        let mut keys: Vec<&Key> = self.operations.iter().map(Operation::key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(StoreError::Invalid("a transaction may change a key only once"));
        }
        Ok(())
    }

    /// Adds a precondition.
    pub fn require(mut self, key: Key, mod_revision: Revision) -> Self {
        self.preconditions.push(Precondition { key, mod_revision });
        self
    }

    /// Demands that no key of `range` was put after `since`.
    pub fn require_quiet(mut self, range: KeyRange, since: Revision) -> Self {
        self.quiet_ranges.push(QuietRange { range, since });
        self
    }

    /// Adds a put.
    pub fn put(mut self, key: Key, value: Bytes) -> Self {
        self.operations.push(Operation::Put(Put {
            key,
            value,
            time_to_live: None,
        }));
        self
    }

    /// Adds a put that the store takes back after `time_to_live`.
    pub fn put_for(mut self, key: Key, value: Bytes, time_to_live: Duration) -> Self {
        self.operations.push(Operation::Put(Put {
            key,
            value,
            time_to_live: Some(time_to_live),
        }));
        self
    }

    /// Adds a deletion.
    pub fn delete(mut self, key: Key) -> Self {
        self.operations.push(Operation::Delete(key));
        self
    }
}
