//! The group of devices.

pub mod claim;
pub mod device_class;
pub mod devices;
pub mod slice;
