//! The etcd v3 API over any state store: for etcdctl, a kube-apiserver, or another pintle.
//!
//! [`EtcdApi`] answers the services, [`serve`](server::serve) puts them on a socket. Every write is a [transaction](txn), every read
//! goes through a [reader](reading), and what etcd knows beyond a store, [leases](lease), lies in the same store under keys that
//! clients [do not see](keyspace).

mod etcd_api;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod identity;
mod keyspace;
mod lease;
mod ranging;
mod reading;
mod refusal;
pub mod server;
mod service;
mod snapshot;
mod txn;
mod watch;

pub use etcd_api::{EtcdApi, Settings, Space};
pub use lease::Lessor;
