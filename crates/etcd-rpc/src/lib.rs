//! The etcd v3 protocol: messages, client stubs and server traits, of every service a Kubernetes API server and `etcdctl`
//! use.
//!
//! [`message`] holds the messages of the packages `etcdserverpb` and `mvccpb`; [`client`] has a stub for each service
//! over any transport, [`server`] a trait for each service and what serves it. Nothing here knows what a store is.

#[macro_use]
mod services;

pub mod client;
pub mod limits;
pub mod message;
pub mod server;

pub use limits::MessageLimits;
