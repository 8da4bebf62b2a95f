//! The group of devices.

pub mod claim;
pub mod device_class;
pub mod devices;
mod expression;
pub mod slice;
