//! The core group.

pub mod claim;
pub mod connect;
pub mod pod;
pub mod resources;
