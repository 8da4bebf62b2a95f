//! Real etcd clusters for tests: members that are started, killed, paused and started again.
//!
//! Each cluster lives in a folder of its own that goes with it. Its members listen on addresses of loopback that no other
//! test has, or where the test says: on the nodes of a network of namespaces. The program is `etcd`, or what the variable
//! `PINTLE_TEST_ETCD` names, so that the tests can be run over another version.

mod certificates;
mod cluster;
mod member;

pub use certificates::Files;
pub use cluster::{Etcd, EtcdBuilder, Place};
