//! The group of autoscaling.

pub mod conversion;
pub mod horizontal;
pub mod metrics;
pub mod table;
pub mod validation;
