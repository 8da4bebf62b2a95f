//! The group of service discovery.

pub mod endpoint_slice;
