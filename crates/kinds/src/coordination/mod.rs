//! The group of coordination.

pub mod lease;
