//! The messages of the container runtime interface (`runtime.v1`) that the kubelet sends and reads.
//!
//! Field numbers are those of the published interface. Fields nobody here needs are left out: protobuf skips what it does
//! not know, so that a runtime may send more than is written down.

mod container;
mod image;
mod runtime;
mod sandbox;
mod security;
mod stats;

pub use container::*;
pub use image::*;
pub use runtime::*;
pub use sandbox::*;
pub use security::*;
pub use stats::*;

use std::collections::BTreeMap;

/// Labels and annotations.
pub type StringMap = BTreeMap<String, String>;

/// An answer without content.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Empty {}

/// A signed number that may be absent.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Int64Value {
    #[prost(int64, tag = "1")]
    pub value: i64,
}

/// An unsigned number that may be absent.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct UInt64Value {
    #[prost(uint64, tag = "1")]
    pub value: u64,
}

/// A request that names one thing: every request of the interface whose first field is an identifier has this form.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ById {
    #[prost(string, tag = "1")]
    pub id: String,
}

impl ById {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned() }
    }
}
