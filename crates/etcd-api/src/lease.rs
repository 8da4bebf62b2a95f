//! Leases: keys that go together when their time is over, unless somebody keeps them alive.
//!
//! A state store knows the time to live of a single put, which cannot be prolonged without another. So leases are kept here: that
//! there is one, and which keys are attached, lies in the store beside the keys and is written in the same commits; how long it has
//! still to live is known in memory only. As with etcd, a lease has all its time again when the process starts anew.

mod lessor;
mod table;

pub use lessor::Lessor;
