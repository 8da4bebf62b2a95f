//! Transactions as they are handed to the writer: with everything done that need not be done there.

use smallvec::SmallVec;
use store::{Key, Operation, Precondition, Put, QuietRange, Revision, Transaction};

use crate::format::packing::Packer;
use crate::format::record::Record;

/// A transaction that is ready to be written.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) preconditions: Vec<Precondition>,
    pub(super) quiet_ranges: Vec<QuietRange>,
    /// In the order of their keys.
    pub(super) operations: SmallVec<[PreparedOperation; 1]>,
}

/// A change that is ready to be written.
#[derive(Debug)]
pub(super) enum PreparedOperation {
    /// Sets a key.
    Put {
        put: Put,
        /// The value as it is stored, if not as it is.
        packed: Option<Vec<u8>>,
    },
    /// Removes a key.
    Delete(Key),
}

impl Prepared {
    pub(super) fn new(transaction: Transaction, packer: Option<&Packer>) -> Self {
        let mut operations: SmallVec<[PreparedOperation; 1]> = transaction
            .operations
            .into_iter()
            .map(|operation| PreparedOperation::new(operation, packer))
            .collect();
        operations.sort_by(|one, other| one.key().cmp(other.key()));
        Self {
            preconditions: transaction.preconditions,
            quiet_ranges: transaction.quiet_ranges,
            operations,
        }
    }

    /// Deletes a key if it was last changed by a revision.
    pub(super) fn deletion(key: Key, revision: u64) -> Self {
        let precondition = Precondition {
            key: key.clone(),
            mod_revision: Revision::new(revision),
        };
        Self {
            preconditions: vec![precondition],
            quiet_ranges: Vec::new(),
            operations: SmallVec::from_iter([PreparedOperation::Delete(key)]),
        }
    }

    /// Whether it sets a key that expires: the writer has to know when that is due.
    pub(super) fn expires(&self) -> bool {
        let expires = |operation: &PreparedOperation| match operation {
            PreparedOperation::Put { put, .. } => put.time_to_live.is_some(),
            PreparedOperation::Delete(_) => false,
        };
        self.operations.iter().any(expires)
    }

    /// How many bytes its records take at most.
    pub(super) fn record_bytes(&self) -> usize {
        self.operations.iter().map(PreparedOperation::record_bytes).sum()
    }
}

impl PreparedOperation {
    fn new(operation: Operation, packer: Option<&Packer>) -> Self {
        match operation {
            Operation::Delete(key) => Self::Delete(key),
            Operation::Put(put) => Self::Put {
                packed: packer.and_then(|packer| packer.pack(&put.value)),
                put,
            },
        }
    }

    fn key(&self) -> &Key {
        match self {
            Self::Put { put, .. } => &put.key,
            Self::Delete(key) => key,
        }
    }

    fn record_bytes(&self) -> usize {
        let value = match self {
            Self::Put {
                packed: Some(packed), ..
            } => packed.len(),
            Self::Put { put, packed: None } => put.value.len(),
            Self::Delete(_) => 0,
        };
        Record::length(self.key().len(), value)
    }
}
