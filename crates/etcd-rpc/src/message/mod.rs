//! The messages of the packages `etcdserverpb` and `mvccpb`.
//!
//! Names and field numbers are those of the published interface as of etcd 3.6; an older etcd leaves the newer fields
//! unset, and protobuf skips what it does not know.

// The names of the interface say what a field is; a message says more where that is not enough.
#![allow(missing_docs)]

mod auth;
mod cluster;
mod kv;
mod lease;
mod maintenance;
mod transaction;
mod watch;

pub use auth::*;
pub use cluster::*;
pub use kv::*;
pub use lease::*;
pub use maintenance::*;
pub use transaction::*;
pub use watch::*;

#[cfg(test)]
mod tests;

/// Stands in every answer.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ResponseHeader {
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The store's revision when the request was applied. In progress marks of a watch: all events up to and with it have
    /// been sent.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// An answer that is nothing but its header.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HeaderOnly {
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// A request without content.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Empty {}
