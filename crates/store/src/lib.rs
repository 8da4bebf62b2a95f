//! The state store port: what the API server asks of the thing that keeps a cluster's state.
//!
//! A store is an ordered map from [`Key`] to bytes with one [`Revision`] counter for the whole of it. Every
//! transaction that changes something makes the next revision; older revisions stay readable until they are
//! compacted; a [watch](WatchRequest) delivers every change of a range from any revision still held, in
//! order, without gap or repeat.
//!
//! [`StateStore`] states the promises. They map one to one on etcd v3, so a backend over etcd is a
//! translation and nothing more.

#[cfg(feature = "contract")]
pub mod contract;
pub mod dice;
pub mod error;
pub mod key;
pub mod key_value;
pub mod memory;
pub mod range;
pub mod revision;
pub mod snapshot;
pub mod state_store;
pub mod transaction;
pub mod watch;
pub mod window;

pub use error::StoreError;
pub use key::{Key, KeyRange};
pub use key_value::KeyValue;
pub use memory::MemoryStore;
pub use range::{Projection, RangeRequest, RangeResponse};
pub use revision::Revision;
pub use snapshot::{Snapshot, SnapshotEntry};
pub use state_store::StateStore;
pub use transaction::{Operation, Outcome, Precondition, Put, QuietRange, Transaction};
pub use watch::{Event, ProgressRequester, WatchBatch, WatchRequest, WatchStream};
pub use window::RevisionWindow;
