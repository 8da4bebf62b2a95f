//! The group of devices.

mod bindings;
pub mod claim;
pub mod claim_status;
mod configuration;
mod constraints;
pub mod device_class;
mod expression;
mod names;
mod requests;
pub mod slice;
mod taints;
pub mod template;
