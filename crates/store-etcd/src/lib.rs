//! The state store over an etcd cluster: a translation of the store's port into the etcd v3 protocol.
//!
//! Several pintles, and API servers of upstream, may work on one etcd at the same time. [`EtcdStore::connect`] takes the
//! endpoints of some or all members; the store moves from one to the next when a member is lost, hangs or has lost its
//! leader, and watches go on where they were. `docs/etcd.md` says what holds of this store and what to expect of etcd.

mod address;
mod answer;
mod connect;
mod connections;
mod connector;
mod describe;
mod etcd_store;
mod failure;
mod keys;
mod latest;
mod leases;
mod options;
mod pages;
mod snapshot;
mod tls;
mod version;
mod watch;

pub use address::Address;
pub use connect::ConnectError;
pub use etcd_store::EtcdStore;
pub use options::{Options, Timeouts, TlsFiles};
