//! Who has which address: the memory of the CNI plugin, a file that one process at a time may change.

mod allocations;
mod file;

pub use allocations::{Allocations, Attachment, AttachmentKey, HostPort, Protocol};
pub use file::{Ledger, LedgerError, remove};
